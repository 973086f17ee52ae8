package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

const postBootstrapKind = "PostBootstrapDone"

// restartSteps restart the nodes that have joined and on which a command of post_bootstrap has
// failed, those of the control plane first, one after the other: their guests try it again
// when they boot. Each is restarted once. What is replaced anyway runs all commands anew.
func restartSteps(v view, deleted map[string]bool) []model.Step {
	if !v.apiReached() || !v.facts.API.Answered() || v.holdsRepairs {
		return nil
	}
	var steps []model.Step
	for _, pool := range v.spec.NodePools() {
		for _, m := range v.machines(pool.Name) {
			if deleted[m.Marker.Node] || !v.restartIsDue(m) || len(v.replacementReasons(pool, m)) > 0 {
				continue
			}
			steps = append(steps, model.RestartNode{Machine: m, DrainTimeout: pool.DrainTimeout})
		}
	}
	return steps
}

// restartedInVain reports whether a command failed again on a node after a run had restarted
// it: that is not repeated unasked.
func restartedInVain(facts *model.Facts, m model.Machine) bool {
	return slices.Contains(facts.Record.Restarted[m.Marker.NodePool], m.Marker.Ordinal)
}

// restartIsDue reports whether a command has failed on a node, and this plan may restart it:
// it was not restarted before, and this is the first plan, or one has shown it.
func (v view) restartIsDue(m model.Machine) bool {
	return postBootstrapFailed(v.facts, m) && !restartedInVain(v.facts, m) && (v.spec.Restarts == nil || v.spec.Restarts[m.Marker.Node])
}

// postBootstrapFailed reports whether a machine has joined, and its guest says that a command
// has failed since. That says nothing about the cluster, so that it is believed.
func postBootstrapFailed(facts *model.Facts, m model.Machine) bool {
	return m.PoweredOn && m.Phase == model.PhasePostFailed && facts.Joined(&m)
}

func restartFindings(v view, controlPlane nodePoolPlan, deleted map[string]bool, steps []model.Step) model.Findings {
	f := inVainFindings(v, deleted)
	var names []string
	alone := ""
	for _, step := range steps {
		m := step.(model.RestartNode).Machine
		names = append(names, m.Marker.Node)
		if m.Marker.ControlPlane() && len(v.machines(model.ControlPlanePool))+len(controlPlane.create) == 1 {
			alone = " The API is away meanwhile."
		}
	}
	if len(names) == 0 {
		return f
	}
	f.Warn(nameField, howMany(names, "A node is restarted", "Nodes are restarted"),
		"A command of post_bootstrap has failed on %s. The apply drains one after the other and powers it off and on, once: it tries "+
			"that command again, and runs those after it.%s To have one built anew instead, name it in replace_nodes.", quoted(names), alone)
	return f
}

// inVainFindings say on which nodes that stay a command has failed again after a restart.
func inVainFindings(v view, deleted map[string]bool) model.Findings {
	var f model.Findings
	var names []string
	for _, pool := range v.spec.NodePools() {
		for _, m := range v.machines(pool.Name) {
			if postBootstrapFailed(v.facts, m) && restartedInVain(v.facts, m) && !deleted[m.Marker.Node] {
				names = append(names, m.Marker.Node)
			}
		}
	}
	slices.Sort(names)
	if len(names) > 0 {
		f.Warn(nameField, "A command failed again after a restart",
			"A command of post_bootstrap has failed on %s, again after a restart, which is not repeated. Change the commands, or name the "+
				"nodes in replace_nodes, and they are built anew. Or give them what the command lacks, and restart their VMs.", quoted(names))
	}
	return f
}

// postBootstrapCondition says on which nodes a command has failed or runs, as their guests
// tell; nil where no pool has any, and no guest speaks of one.
func postBootstrapCondition(spec *model.ClusterSpec, facts *model.Facts) *model.Condition {
	asked := slices.ContainsFunc(spec.NodePools(), func(p model.NodePool) bool { return len(p.Setup.PostBootstrap) > 0 })
	var failed, again, runs []string
	for _, m := range facts.Machines {
		switch {
		case postBootstrapFailed(facts, m):
			failed = append(failed, m.Marker.Node)
			if restartedInVain(facts, m) {
				again = append(again, m.Marker.Node)
			}
		case m.PoweredOn && m.Phase == model.PhasePost:
			runs = append(runs, m.Marker.Node)
		}
	}
	slices.Sort(failed)
	slices.Sort(again)
	slices.Sort(runs)
	c := model.Condition{Type: postBootstrapKind, Status: model.ConditionTrue, Reason: "AllDone"}
	switch {
	case len(failed) > 0:
		message := "A command of post_bootstrap failed on: " + model.Listed(failed)
		if len(again) > 0 {
			message += ". It failed again after a restart, so that other commands or replace_nodes are needed, on: " + model.Listed(again)
		}
		c = condition(postBootstrapKind, false, "", "CommandFailed", message)
	case len(runs) > 0:
		c = unknownCondition(postBootstrapKind, "Running", "Commands of post_bootstrap run on: "+model.Listed(runs))
	case !asked:
		return nil
	}
	return &c
}
