package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// rounds are the stages of one pool's rollout. Nodes are replaced in rounds of as many
// as the pool allows, side by side, and a round begins when the one before it has ended
// well.
type rounds struct {
	pool   model.NodePool
	stages []model.Stage
}

// add appends a round, which begins with the pool's pause unless it is the first. Its
// parts follow each other, and the steps of a part run side by side.
func (r *rounds) add(parts ...[]model.Step) {
	next := model.Stage{Name: "rollout of " + r.pool.Name, Rollout: true, OnFailure: model.SkipRollouts}
	last := len(r.stages) - 1
	if last >= 0 {
		next.Pause = r.pool.NodePause
	}
	if r.pool.ReplacedAtOnce() == 1 { // all in a row
		next.Steps = slices.Concat(parts...)
		if last >= 0 && next.Pause == 0 {
			r.stages[last].Steps = append(r.stages[last].Steps, next.Steps...)
			return
		}
		r.stages = append(r.stages, next)
		return
	}
	next.Parallel = true
	for _, steps := range parts {
		next.Steps = steps
		r.stages = append(r.stages, next)
		next.Pause = 0
	}
}

// roll replaces nodes in rounds. Those that are more than the pool needs (surplus) go
// first: they are the predecessors of nodes that an earlier run has built.
func roll(pool model.NodePool, r replacement, surplus int, creations *creations) ([]model.Stage, model.Findings) {
	if len(r.old) == 0 {
		return nil, model.Findings{}
	}
	surplus = min(max(0, surplus), len(r.old))
	all := rounds{pool: pool}
	for some := range slices.Chunk(r.old[:surplus], pool.ReplacedAtOnce()) {
		var gone []model.Step
		for _, m := range some {
			gone = append(gone, removal(pool, m))
		}
		all.add(gone)
	}
	old := slices.Clone(r.old[surplus:])
	successors := len(old)
	for len(old) > 0 {
		var created, gone []model.Step
		for range min(len(old), pool.ReplacedAtOnce()) {
			next := creations.next()
			next.Rollout = true
			// Of the same IP pool, so that no more addresses to spare are needed.
			at := slices.IndexFunc(old, func(m model.Machine) bool { return m.Marker.IPPool == next.IPPool() })
			at = max(at, 0)
			if pool.ControlPlane() {
				next.Frees = old[at].Marker.Address.Addr()
				next.Replaces = old[at].Marker.Node
			}
			created = append(created, next)
			gone = append(gone, removal(pool, old[at]))
			old = slices.Delete(old, at, at+1)
		}
		if pool.ExpandsFirst() {
			all.add(created, gone)
		} else {
			all.add(gone, created)
		}
	}
	return all.stages, rolloutFindings(pool, r, successors)
}

// removal deletes a node that is replaced, once enough others of its pool serve.
func removal(pool model.NodePool, m model.Machine) model.DeleteNode {
	step := deletion(pool, m)
	step.Rollout = &model.Rollout{MinReady: pool.LeastServing()}
	step.LeavesEtcd = pool.ControlPlane()
	return step
}

// stepsOf are the steps of stages, in their order.
func stepsOf(stages []model.Stage) []model.Step {
	return (&model.Plan{Stages: stages}).Steps()
}
