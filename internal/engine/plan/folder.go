package plan

import (
	"path"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// folderSteps creates the folder of a cluster that is being built. One that is
// missing later is created again with the first node that needs it.
func folderSteps(v view) []model.Step {
	if v.apiReached() || v.reset || v.spec.Folder == "" {
		return nil
	}
	return []model.Step{model.CreateFolder{Path: v.spec.Folder}}
}

// moveSteps moves the VMs of a running cluster whose folder was changed. As long as the
// record has another folder, the change is not done; a VM that others have moved since
// is left where it is.
func moveSteps(v view) []model.Step {
	rec := v.facts.Record
	if !v.apiReached() || !rec.Found || inventoryname.SameFolder(rec.Folder, v.spec.Folder) {
		return nil
	}
	step := model.MoveNodes{Path: v.spec.Folder}
	for _, m := range v.facts.VMs() {
		if !inFolder(v.spec, m) {
			step.VMs = append(step.VMs, m.Ref)
		}
	}
	if len(step.VMs) == 0 {
		return nil
	}
	return []model.Step{step}
}

// moveFindings refuse to move a VM to where another one has its name.
func (c check) moveFindings() model.Findings {
	var f model.Findings
	if c.moves == nil {
		return f
	}
	for _, m := range c.facts.VMs() {
		holder := c.limits.Site.Folder.VMs[inventoryname.Base(m.Path)]
		if holder != "" && holder != m.Path && slices.Contains(c.moves.VMs, m.Ref) {
			f.Refuse(model.ClusterField(model.FieldFolder), "Name in use in the folder",
				"The VM %s cannot be moved into the folder, since there is a VM of its name already: %s. Rename or remove that "+
					"one, or choose another folder.",
				m.Path, holder)
		}
	}
	return f
}

// AllInFolder reports whether every VM of the cluster is in the folder of the spec, none
// being out of sight.
func AllInFolder(spec *model.ClusterSpec, facts *model.Facts) bool {
	return len(facts.Unseen) == 0 &&
		!slices.ContainsFunc(facts.VMs(), func(m model.Machine) bool { return !inFolder(spec, m) })
}

// inFolder reports whether a VM is in the folder of the spec: by reference where that is
// known, since a folder may have been renamed meanwhile.
func inFolder(spec *model.ClusterSpec, m model.Machine) bool {
	return m.Folder != "" && m.Folder == spec.FolderRef || inventoryname.SameFolder(path.Dir(m.Path), spec.Folder)
}
