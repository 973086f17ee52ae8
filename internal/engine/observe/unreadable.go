package observe

import (
	"path"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// unreadableNames are the names of the VMs that cannot be read now and may be the cluster's:
// those that were known, by the names of their nodes, whatever they are called in the inventory,
// and those in its folders. Elsewhere another cluster may have nodes of the same names. Where
// nothing says which folders are the cluster's, each counts.
func unreadableNames(req request, known []model.KnownMachine, survey *model.Survey) []string {
	var names []string
	folders := foldersOf(req, survey)
	for _, m := range survey.Unreadable {
		i := slices.IndexFunc(known, func(k model.KnownMachine) bool { return k.Ref == m.Ref })
		switch {
		case i >= 0:
			names = append(names, known[i].Node)
		case folders.mayHold(m):
			names = append(names, m.Name)
		}
	}
	return names
}

// ownFolders are the folders that a cluster's VMs may be in.
type ownFolders struct {
	paths []string // as in inventoryname.SameFolder
	refs  []string
}

// foldersOf are the folder of the record, that of the spec, and where VMs of the cluster are.
func foldersOf(req request, survey *model.Survey) ownFolders {
	var f ownFolders
	for _, m := range survey.Machines {
		f.refs = append(f.refs, m.Folder)
	}
	if survey.Site.Folder.Ref != "" {
		f.refs = append(f.refs, survey.Site.Folder.Ref)
	}
	if req.record.Found {
		f.paths = append(f.paths, req.record.Folder)
		for _, folder := range req.record.Folders {
			f.refs = append(f.refs, folder.Ref)
		}
	}
	if req.names != nil {
		f.paths = append(f.paths, req.names.Folder)
	}
	return f
}

func (f ownFolders) mayHold(m model.UnreadableVM) bool {
	if len(f.paths)+len(f.refs) == 0 || m.Folder == "" {
		return true
	}
	return slices.Contains(f.refs, m.Folder) ||
		slices.ContainsFunc(f.paths, func(own string) bool { return inventoryname.SameFolder(path.Dir(m.Path), own) })
}
