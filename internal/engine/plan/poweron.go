package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// powerOnPlan powers nodes on whose VMs are off.
type powerOnPlan struct {
	controlPlane []model.Step
	workers      []model.Step
	first        []model.Step // that of a restore
	findings     model.Findings
}

// planPowerOn powers on what stays and has joined, whether the API answers or not: a control plane that
// is off is why it does not. A node that an earlier run was about to delete stays off:
// its disks may be detached already.
func planPowerOn(v view, deleted map[string]bool) powerOnPlan {
	var p powerOnPlan
	var names []string
	for _, m := range v.facts.Machines {
		name := m.Marker.Node
		if v.resumes(m) {
			p.first = append(p.first, model.PowerOnNode{Machine: m, First: true})
			p.findings.Add(resumeFindings(name))
			continue
		}
		joined := v.facts.Joined(&m) || v.nodeObjectMissing(m) || v.mayReturn(m) || v.mayBeMember(m)
		// Of a control plane that is rolled all nodes have to be well before the first goes.
		leaves := (deleted[name] || v.holdsRepairs) && !m.Marker.ControlPlane()
		// What powers it on reconnects it, too.
		leaves = leaves || v.survives(m) && !v.apiSilent()
		if m.PoweredOn || leaves || v.node(name).Cordoned || !joined {
			continue
		}
		names = append(names, name)
		if m.Marker.ControlPlane() {
			p.controlPlane = append(p.controlPlane, model.PowerOnNode{Machine: m})
		} else {
			p.workers = append(p.workers, model.PowerOnNode{Machine: m})
		}
	}
	slices.Sort(names)
	switch {
	case len(names) == 0:
	case len(p.workers) == 0:
		p.findings.Warn(controlPlaneField, howMany(names, "A control-plane VM is powered off", "Control-plane VMs are powered off"),
			"The apply powers on %s. A control-plane node that does not come back is replaced only by repair.", quoted(names))
	default:
		p.findings.Warn(nameField, howMany(names, "A node VM is powered off", "Node VMs are powered off"),
			"The apply powers on %s. A worker that does not come back in time is replaced by the apply after it, "+
				"a control-plane node only by repair.",
			quoted(names))
	}
	return p
}

// mayBeMember reports whether a control-plane node may have joined etcd before a run has seen
// it, while the API does not answer: without its member, etcd may never have its quorum again.
func (v view) mayBeMember(m model.Machine) bool {
	return v.apiSilent() && m.Marker.ControlPlane() && m.Booted && m.Marker.CAFingerprint == v.facts.CAFingerprint
}

// unresponsive reports whether a worker did not come back after a run had powered it on,
// and has not since.
func (v view) unresponsive(m model.Machine) bool {
	return slices.Contains(v.facts.Record.Unresponsive[m.Marker.NodePool], m.Marker.Ordinal) &&
		v.facts.API.Answered() && !v.node(m.Marker.Node).Ready
}

// howMany chooses the words for one or for many.
func howMany(names []string, one, many string) string {
	if len(names) == 1 {
		return one
	}
	return many
}
