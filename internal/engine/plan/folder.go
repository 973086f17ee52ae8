package plan

import (
	"path"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// folderSteps creates the folder of a cluster that is being built. One that is
// missing later is created again with the first node that needs it.
func folderSteps(v view) []model.Step {
	if v.apiReached() || v.spec.Folder == "" {
		return nil
	}
	return []model.Step{model.CreateFolder{Path: v.spec.Folder}}
}

// moveSteps moves the VMs of a running cluster whose folder was changed. As long as the
// record has another folder, the change is not done; a VM that others have moved since
// is left where it is.
func moveSteps(v view) []model.Step {
	rec := v.facts.Record
	if !v.apiReached() || !rec.Found || sameFolder(v.spec.Datacenter, rec.Folder, v.spec.Folder) {
		return nil
	}
	step := model.MoveNodes{Path: v.spec.Folder}
	for _, m := range v.facts.Machines {
		if !inFolder(v.spec, m) {
			step.VMs = append(step.VMs, m.Ref)
		}
	}
	if len(step.VMs) == 0 {
		return nil
	}
	return []model.Step{step}
}

// AllInFolder reports whether every VM of the cluster is in the folder of the spec, none
// being out of sight.
func AllInFolder(spec *model.ClusterSpec, facts *model.Facts) bool {
	return len(facts.Unseen) == 0 &&
		!slices.ContainsFunc(facts.Machines, func(m model.Machine) bool { return !inFolder(spec, m) })
}

func inFolder(spec *model.ClusterSpec, m model.Machine) bool {
	return sameFolder(spec.Datacenter, path.Dir(m.Path), spec.Folder)
}

// sameFolder reports whether two paths below the datacenter's VM folder mean the same.
func sameFolder(datacenter, a, b string) bool {
	return slices.Equal(folderNames(datacenter, a), folderNames(datacenter, b))
}

// OnTheWay reports whether a VM folder is another one, or above it.
func OnTheWay(datacenter, above, folder string) bool {
	names, whole := folderNames(datacenter, above), folderNames(datacenter, folder)
	return len(names) <= len(whole) && slices.Equal(names, whole[:len(names)])
}

// vmFolder is how vCenter calls the root of a datacenter's VM folders.
const vmFolder = "vm"

// folderNames are the names of a VM folder's path below the datacenter's VM folder. A
// full inventory path is one, too.
func folderNames(datacenter, folder string) []string {
	names := slices.DeleteFunc(strings.Split(folder, "/"), func(name string) bool { return name == "" })
	for i, name := range names {
		names[i] = inventoryname.Unescape(name)
	}
	if !strings.HasPrefix(folder, "/") {
		return names
	}
	// The datacenter may be in folders, and may have been renamed.
	root := -1
	for i := 1; i < len(names); i++ {
		if names[i] != vmFolder {
			continue
		}
		if names[i-1] == inventoryname.Base(datacenter) {
			return names[i+1:]
		}
		if root < 0 {
			root = i
		}
	}
	return names[root+1:]
}
