package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// withoutFormer are facts without the VMs of a control plane that was built anew since, and
// those VMs. vCenter shows one again that was not in the inventory when the others were
// deleted, as where its datastore was away: it is no node of the cluster. Until one that
// runs is gone, the API may be its own, so that nothing is judged by that.
func withoutFormer(facts *model.Facts) (*model.Facts, []model.Machine) {
	if !facts.Record.APIReached && !facts.API.Answered() {
		return facts, nil
	}
	var former, others []model.Machine
	runs := false
	for _, m := range facts.Machines {
		if facts.Former(m.Marker) {
			former = append(former, m)
			runs = runs || m.PoweredOn
		} else {
			others = append(others, m)
		}
	}
	if len(former) == 0 {
		return facts, nil
	}
	clean := *facts
	clean.Machines = others
	if runs {
		clean.API = model.APIFacts{Asked: true, Error: "a VM of the former control plane runs, and what answers may be that"}
	}
	return &clean, former
}

// isFormer reports whether a VM of the former control plane has that name.
func (v view) isFormer(node string) bool {
	return slices.ContainsFunc(v.former, func(m model.Machine) bool { return m.Marker.Node == node })
}

// formerSteps delete the VMs of the former control plane. They are no members of the etcd
// that serves.
func formerSteps(v view) []model.Step {
	var steps []model.Step
	for _, m := range v.former {
		steps = append(steps, model.DeleteNode{Machine: m})
	}
	return steps
}

func formerFindings(v view) model.Findings {
	var f model.Findings
	if names := nodeNames(v.former); len(names) > 0 {
		f.Warn(controlPlaneField, howMany(names, "A former control-plane VM is back", "Former control-plane VMs are back"),
			"vCenter shows VMs that the control plane of %q had before it was built anew: %s. "+
				"Two control planes must never have one VIP: they are not powered on, and the apply deletes them, and keeps disks "+
				"that Gantry did not make.", v.spec.Name, quoted(names))
	}
	return f
}
