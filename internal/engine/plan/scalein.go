package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// scaleIn deletes the nodes that a worker pool has beyond its count: those that
// are not ready first, then the newest.
func scaleIn(v view, pool model.NodePool, members []model.Machine) []model.Step {
	victims := slices.Clone(members)
	slices.SortFunc(victims, func(a, b model.Machine) int {
		aReady := v.node(a.Marker.Node).Ready
		bReady := v.node(b.Marker.Node).Ready
		switch {
		case !aReady && bReady:
			return -1
		case aReady && !bReady:
			return 1
		default:
			return b.Marker.Ordinal - a.Marker.Ordinal
		}
	})
	var steps []model.Step
	for _, m := range victims[:max(0, len(victims)-pool.Count)] {
		steps = append(steps, deletion(pool, m))
	}
	return steps
}

func deletion(pool model.NodePool, m model.Machine) model.DeleteNode {
	return model.DeleteNode{
		Machine:      m,
		Drain:        true,
		DrainTimeout: pool.DrainTimeout,
	}
}

// removedPools deletes the nodes of worker pools that the spec no longer has.
func removedPools(v view) nodePoolPlan {
	var p nodePoolPlan
	for _, m := range v.facts.Machines {
		if _, ok := v.spec.NodePool(m.Marker.NodePool); !ok && !m.Marker.ControlPlane() {
			p.scaleIn = append(p.scaleIn, deletion(model.NodePool{DrainTimeout: model.DefaultDrainTimeout}, m))
		}
	}
	for _, name := range sortedKeys(v.facts.Record.Counters) {
		if _, ok := v.spec.NodePool(name); ok {
			continue
		}
		for _, lost := range v.lost(name) {
			p.cleanup = append(p.cleanup, model.RemoveLostNode{Node: lost})
		}
	}
	return p
}

// deletedNodes are the nodes that the plan deletes.
func deletedNodes(pools []nodePoolPlan, removed nodePoolPlan) map[string]bool {
	deleted := map[string]bool{}
	for _, p := range append(slices.Clone(pools), removed) {
		for _, step := range slices.Concat(p.cleanup, p.scaleIn, stepsOf(p.rollout)) {
			if gone, ok := step.(model.DeleteNode); ok {
				deleted[gone.Machine.Marker.Node] = true
			}
		}
	}
	return deleted
}

// uncordonSteps make nodes schedulable again that an earlier run has begun to
// delete and that stay, as after a change that was reverted, or to restart.
func uncordonSteps(v view, pools []nodePoolPlan, deleted map[string]bool) []model.Step {
	postponed := map[string]bool{}
	for _, p := range pools {
		for _, name := range p.postponed {
			postponed[name] = true
		}
	}
	var steps []model.Step
	for _, m := range v.facts.Machines {
		name := m.Marker.Node
		node := v.node(name)
		if (node.Cordoned || node.Restarts) && !deleted[name] && !postponed[name] {
			steps = append(steps, model.UncordonNode{Node: name})
		}
	}
	return steps
}
