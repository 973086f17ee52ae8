package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

const postBootstrapKind = "PostBootstrapDone"

// restartSteps restart the nodes that have joined and on which a command of post_bootstrap has
// failed, those of the control plane first, one after the other: their guests try it again
// when they boot. What is replaced anyway runs all commands anew.
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

// restartIsDue reports whether a command has failed on a node, and this plan may restart it:
// it is the first one, or one has shown it.
func (v view) restartIsDue(m model.Machine) bool {
	return postBootstrapFailed(v.facts, m) && (v.spec.Restarts == nil || v.spec.Restarts[m.Marker.Node])
}

// postBootstrapFailed reports whether a machine has joined, and its guest says that a command
// has failed since. That says nothing about the cluster, so that it is believed.
func postBootstrapFailed(facts *model.Facts, m model.Machine) bool {
	return m.PoweredOn && m.Phase == model.PhasePostFailed && facts.Joined(&m)
}

func restartFindings(v view, controlPlane nodePoolPlan, steps []model.Step) model.Findings {
	var f model.Findings
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
		"A command of post_bootstrap has failed on %s. The apply drains one after the other and powers it off and on: it tries that "+
			"command again, and runs those after it.%s To have one built anew instead, name it in replace_nodes.", quoted(names), alone)
	return f
}

// postBootstrapCondition says on which nodes a command has failed or runs, as their guests
// tell; nil where no pool has any, and no guest speaks of one.
func postBootstrapCondition(spec *model.ClusterSpec, facts *model.Facts) *model.Condition {
	asked := slices.ContainsFunc(spec.NodePools(), func(p model.NodePool) bool { return len(p.Setup.PostBootstrap) > 0 })
	var failed, runs []string
	for _, m := range facts.Machines {
		switch {
		case postBootstrapFailed(facts, m):
			failed = append(failed, m.Marker.Node)
		case m.PoweredOn && m.Phase == model.PhasePost:
			runs = append(runs, m.Marker.Node)
		}
	}
	slices.Sort(failed)
	slices.Sort(runs)
	c := model.Condition{Type: postBootstrapKind, Status: model.ConditionTrue, Reason: "AllDone"}
	switch {
	case len(failed) > 0:
		c = condition(postBootstrapKind, false, "", "CommandFailed", "A command of post_bootstrap failed on: "+model.Listed(failed))
	case len(runs) > 0:
		c = unknownCondition(postBootstrapKind, "Running", "Commands of post_bootstrap run on: "+model.Listed(runs))
	case !asked:
		return nil
	}
	return &c
}
