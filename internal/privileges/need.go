package privileges

import "slices"

// Case is what a cluster makes use of.
type Case struct {
	MakesFolder, MovesNodes, ClonesVM, StoresSnapshots, TagsVMs, ImportsImage, BuildsImage, MakesRules bool
	// CSI is whether a CSI driver runs in the cluster.
	CSI bool
}

func (c Case) covers(u Use) bool {
	if u.By == CSI {
		return c.CSI && u.When == Always
	}
	switch u.When {
	case Always:
		return true
	case MakesFolder:
		return c.MakesFolder
	case MovesNodes:
		return c.MovesNodes
	case ClonesVM:
		return c.ClonesVM
	case ClonesTemplate:
		return !c.ClonesVM
	case StoresSnapshots:
		return c.StoresSnapshots
	case TagsVMs:
		return c.TagsVMs
	case ImportsImage:
		return c.ImportsImage
	case BuildsImage:
		return c.BuildsImage
	case MakesRules:
		return c.MakesRules
	}
	return false
}

// Needed returns the ids of the privileges of a role that are used on a kind of object in a
// case, sorted.
func Needed(role Role, on Object, c Case) []string {
	var ids []string
	for _, row := range Table() {
		if row.Role == role && slices.ContainsFunc(row.Uses, func(u Use) bool { return u.On == on && c.covers(u) }) {
			ids = append(ids, row.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Everything is the case in which every use counts that a plan can judge.
func Everything() Case {
	return Case{
		MakesFolder: true, MovesNodes: true, StoresSnapshots: true, ImportsImage: true, BuildsImage: true, MakesRules: true, CSI: true,
	}
}

// Granted returns the ids of the privileges that a role has, in a version of vSphere,
// sorted; empty: in any. Those that every role of vCenter has are not among them.
func Granted(role Role, version string) []string {
	var ids []string
	for _, row := range Table() {
		if row.Role == role && !row.Optional && row.ID != systemRead && (version == "" || row.In(version)) {
			ids = append(ids, row.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// systemRead is what vCenter puts into every role.
const systemRead = "System.Read"

// Describe returns a privilege as the vSphere Client shows it, with its id; of one that the
// table does not have, the id.
func Describe(id string) string {
	for _, row := range Table() {
		if row.ID == id {
			return row.Client() + " (" + id + ")"
		}
	}
	return id
}
