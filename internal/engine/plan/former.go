package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
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
	if runs && facts.Record.APIReached {
		clean.API = model.APIFacts{Asked: true, Error: "a VM of the former control plane runs, and what answers may be that"}
	}
	return &clean, former
}

// oneAnswers refuses to go on with what answers where that may be either of two control
// planes, and where no VM that runs says what it is: where a reset is taken back, and where
// there is no record. What has begun, and is not known to the API, is not what answers: it
// goes.
func oneAnswers(spec *model.ClusterSpec, facts *model.Facts) model.Findings {
	var f model.Findings
	takenBack := TakenBack(spec, facts)
	if !takenBack && (facts.Record.Found || spec.New || !facts.API.Answered()) {
		return f
	}
	reset, known := facts.BuiltFor()
	doubt := takenBack
	var serving, others []model.Machine
	for _, m := range facts.Machines {
		if !m.Marker.ControlPlane() {
			continue
		}
		doubt = doubt || !m.PoweredOn || m.Marker.Reset != reset
		_, inAPI := facts.API.Nodes[m.Marker.Node]
		switch {
		case !m.PoweredOn:
		case m.Marker.Reset == reset:
			serving = append(serving, m)
		case inAPI || !takenBack || m.Marker.Reset != facts.Record.Reset:
			others = append(others, m)
		}
	}
	switch {
	case len(others) > 0:
		f.Refuse(controlPlaneField, "Two control planes run",
			"VMs of %q run that were built for different control planes, and its API answers: %s for the one, %s for another. "+
				"Delete or power off in vCenter those that are not to serve, and plan again.",
			spec.Name, quoted(nodeNames(serving)), quoted(nodeNames(others)))
	case !known && doubt:
		f.Refuse(controlPlaneField, "It is not known which control plane answers",
			"The API of %q answers, and knows no node of a control-plane VM that is powered on and visible here, so that it is not known "+
				"which control plane answers: the one that is built anew or the former one. Plan again once the API knows a node of it; "+
				"see to it that its VMs are visible to this user.", spec.Name)
	}
	return f
}

// formerAnswers refuses to go on with a restore where a VM of the former control plane runs
// before the new one has ever answered: what answers may be either of them.
func formerAnswers(v view) model.Findings {
	var f model.Findings
	names := nodeNames(slices.DeleteFunc(slices.Clone(v.former), func(m model.Machine) bool { return !m.PoweredOn }))
	if v.spec.Restore == nil || len(names) == 0 {
		return f
	}
	f.Refuse(restoreField, "The former control plane answers",
		"The restore of %q has begun, and now its API answers while VMs of its former control plane run: %s. What answers is not "+
			"restored over. Remove restore_from_snapshot to go on with it; or delete these VMs in vCenter, which makes the restore go on.",
		v.spec.Name, quoted(names))
	return f
}

// formerMayWork refuses to go on with a restore where VMs of the former control plane are
// there that are a quorum of it, as after their datastore has come back. That its API does
// not answer from here is no proof that they do not work, or would not with power. How many
// they were is what was recorded when the restore began: what the spec asks for may be new.
// Where that is not known, one is enough.
func formerMayWork(v view) model.Findings {
	var f model.Findings
	if !v.unanswered || v.spec.Kind != record.KindCluster {
		return f
	}
	var former []model.Machine
	for _, m := range v.machines(model.ControlPlanePool) {
		if v.facts.Former(m.Marker) && !v.facts.Pending(m.Marker.NodePool, m.Marker.Ordinal) {
			former = append(former, m)
		}
	}
	there := len(former)
	voters := max(there, v.facts.Record.FormerMembers)
	if there == 0 || there < majority(voters) {
		return f
	}
	field := restoreField
	if v.spec.Restore == nil {
		field = nameField
	}
	f.Refuse(field, "The former control plane is back",
		"The restore of %q has begun, and now VMs of its former control plane are there that are a quorum of %d: %s. "+
			"They have what was written after the snapshot. Power them on, and see to it that the API is reached from here: "+
			"once it answers, remove restore_from_snapshot, and the cluster goes on with them. "+
			"If their data is lost, delete them in vCenter, and the restore goes on.",
		v.spec.Name, voters, quoted(nodeNames(former)))
	return f
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

// oneControlPlane is why there must not be a second one.
func (v view) oneControlPlane() string {
	if v.spec.DHCP() {
		return "two control planes must never be behind one load balancer"
	}
	return "two control planes must never have one VIP"
}

func formerFindings(v view) model.Findings {
	var f model.Findings
	if names := nodeNames(v.former); len(names) > 0 {
		f.Warn(controlPlaneField, howMany(names, "A former control-plane VM is back", "Former control-plane VMs are back"),
			"vCenter shows VMs that the control plane of %q had before it was built anew: %s. "+
				"%s: they are not powered on, and the apply deletes them, and keeps disks that Gantry did not make.",
			v.spec.Name, quoted(names), capitalized(v.oneControlPlane()))
	}
	return f
}
