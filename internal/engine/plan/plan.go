// Package plan turns desired state and facts into stages of steps, and judges them
// against limits. It is pure: no I/O, no clock, no randomness.
package plan

import (
	"maps"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Cluster plans a cluster or gateway. The steps follow from the spec and the facts
// alone; Check adds what the limits have against them.
func Cluster(spec *model.ClusterSpec, facts *model.Facts) *model.Plan {
	v := newView(spec, facts)
	p := &model.Plan{}
	if refuse(v, facts, p); len(p.Problems) > 0 {
		return p
	}

	pools := planNodePools(&v)
	removed := removedPools(v)
	deleted := deletedNodes(pools, removed)
	powerOn := planPowerOn(v, deleted)

	first := snapshotStage(v, &pools[0])
	p.Stages = stages(
		model.Stage{Name: "record", Steps: recordSteps(v)},
		model.Stage{Name: "IP pool", Steps: ownIPPoolSteps(v)},
		model.Stage{Name: "folder", Steps: folderSteps(v)},
		model.Stage{Name: "move nodes", OnFailure: model.Continue, Steps: moveSteps(v)},
		model.Stage{Name: "reserved ranges", Steps: reserveRangeSteps(v)}, // before any other address is taken
		model.Stage{Name: "endpoint", Parallel: true, Steps: endpointSteps(v)},
		model.Stage{Name: "load balancer", Steps: loadBalancerSteps(v)}, // the API is behind it, also for what comes next
		model.Stage{Name: "backends", Steps: backendSteps(v)},
		model.Stage{Name: "administrators", Steps: bindAdminsSteps(v)},
		first,
		// Members leave etcd one after the other.
		model.Stage{Name: "control plane cleanup", Steps: pools[0].cleanup},
		model.Stage{Name: "cleanup", Parallel: true, Steps: cleanupSteps(v, pools, removed, deleted)},
		model.Stage{Name: "rules", OnFailure: model.Continue, Steps: ruleSteps(v, facts)}, // before anything is powered on
		model.Stage{Name: "clones", Clones: clonesAhead(v, pools), JoinAhead: joinAhead(v, pools[0])},
		// Nothing joins what does not answer.
		model.Stage{Name: "power on first node", Steps: powerOn.first},
		model.Stage{Name: "power on control plane", Parallel: true, OnFailure: model.SkipRollouts, Steps: powerOn.controlPlane},
		model.Stage{Name: "power on workers", Parallel: true, OnFailure: model.SkipRollouts, Steps: powerOn.workers},
		model.Stage{Name: "kubeadm configuration", Steps: configSteps(v)},
		model.Stage{Name: "control plane", Steps: v.withStale(pools[0].create)},
		model.Stage{Name: "reconnect workers", OnFailure: model.SkipRollouts, Steps: reconnectSteps(v, deleted)},
	)
	p.Stages = append(p.Stages, upgradeStages(v, pools)...)
	// What makes a node take pods comes before the workers' steps, so that each of them does
	// as soon as it has joined, and one that never joins keeps nothing from the others.
	network, others := packStages(v)
	p.Stages = append(p.Stages, network...)
	p.Stages = append(p.Stages, stages(
		lateCreations(v, pools[1:]),
		model.Stage{Name: "scale in", Parallel: true, OnFailure: model.SkipRollouts,
			Steps: append(each(pools, func(x nodePoolPlan) []model.Step { return x.scaleIn }), removed.scaleIn...)},
		model.Stage{Name: "nodes in place", Parallel: true, OnFailure: model.SkipRollouts, Steps: inPlaceSteps(v, pools, deleted)},
		model.Stage{Name: "description", OnFailure: model.Continue, Steps: descriptionSteps(v)},
		vmTagStage(v, append(p.Steps(), each(pools, func(x nodePoolPlan) []model.Step { return x.create })...)),
	)...)
	p.Stages = append(p.Stages, append(others, releasedRanges(v)...)...)
	restarts := restartSteps(v, deleted)
	p.Stages = append(p.Stages, stages(model.Stage{Name: "post_bootstrap again", OnFailure: model.SkipRollouts, Steps: restarts})...)
	p.Stages = withImages(v, append(p.Stages, rolloutStages(v, pools)...))
	p.Numbers = numbers(v, pools)
	p.Add(findings(v, pools))
	p.Add(powerOn.findings)
	p.Add(restartFindings(v, pools[0], deleted, restarts))
	return p
}

// cleanupSteps remove what workers and addresses there are to no purpose.
func cleanupSteps(v view, pools []nodePoolPlan, removed nodePoolPlan, deleted map[string]bool) []model.Step {
	return slices.Concat(
		each(pools[1:], func(x nodePoolPlan) []model.Step { return x.cleanup }),
		removed.cleanup,
		builderCleanup(v.facts),
		strayClaims(v, pools, removed),
		lostClaims(v, deleted),
	)
}

// inPlaceSteps change nodes that stay.
func inPlaceSteps(v view, pools []nodePoolPlan, deleted map[string]bool) []model.Step {
	return slices.Concat(
		each(pools, func(x nodePoolPlan) []model.Step { return x.inPlace }),
		uncordonSteps(v, pools, deleted),
		importDataSteps(v),
	)
}

// planNodePools plans the control plane, and then the workers, which may wait for it.
func planNodePools(v *view) []nodePoolPlan {
	pools := []nodePoolPlan{planNodePool(*v, v.spec.ControlPlane)}
	pools[0].cleanup = append(formerSteps(*v), pools[0].cleanup...)
	if left, stays := v.controlPlaneStays(pools[0]); stays {
		v.left = &left
	}
	for _, pool := range v.spec.Workers {
		pools = append(pools, planNodePool(*v, pool))
	}
	return pools
}

// stages leaves out those in which nothing happens.
func stages(all ...model.Stage) []model.Stage {
	return slices.DeleteFunc(all, func(s model.Stage) bool { return len(s.Steps)+len(s.Clones) == 0 })
}

// clonesAhead are the new nodes but for those of rollouts, whose turn comes when others
// have gone, and those that wait for an upgrade: a token might expire before the control
// plane is rolled. While the API of a running cluster does not answer, no VM is made that
// could not join.
func clonesAhead(v view, pools []nodePoolPlan) []model.CreateNode {
	if v.apiSilent() {
		return nil
	}
	var nodes []model.CreateNode
	for _, step := range each(pools, func(x nodePoolPlan) []model.Step { return x.create }) {
		if node := step.(model.CreateNode); node.NodePool.ControlPlane() || !v.waitsForUpgrade(node.NodePool) {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// joinAhead reports whether workers may join before all of the control plane has: only
// members of etcd have to join one after the other. Where there were nodes before, it says
// nothing that the API knows a node, and those that are stale are removed first.
func joinAhead(v view, controlPlane nodePoolPlan) bool {
	return !v.reconnecting() && len(v.stale) == 0 &&
		slices.ContainsFunc(controlPlane.create, func(s model.Step) bool { return s.(model.CreateNode).First })
}

func each(pools []nodePoolPlan, part func(nodePoolPlan) []model.Step) []model.Step {
	var steps []model.Step
	for _, pool := range pools {
		steps = append(steps, part(pool)...)
	}
	return steps
}

// numbers are the counters and the ordinals of nodes that have not joined, as the
// plan leaves them.
func numbers(v view, pools []nodePoolPlan) model.Numbers {
	n := model.Numbers{
		Next:    map[string]int{},
		Pending: map[string][]int{},

		NameTemplates: v.nodeNames.Templates(),
	}
	maps.Copy(n.Next, v.facts.Record.Counters)
	for _, pool := range pools {
		if pool.next > 0 {
			n.Next[pool.name] = pool.next
		}
		if pending := stillPending(v, pool); len(pending) > 0 {
			n.Pending[pool.name] = pending
		}
	}
	return n
}

// stillPending are the ordinals of nodes that have not joined, also where the plan does
// nothing about them: the record is what says that they never did.
func stillPending(v view, pool nodePoolPlan) []int {
	ordinals := slices.Concat(v.facts.Record.Pending[pool.name], pool.assigned)
	for _, m := range v.machines(pool.name) {
		if v.answersRestored(m) { // once its answer is recorded, nothing else says that it stays
			ordinals = slices.DeleteFunc(ordinals, func(n int) bool { return n == m.Marker.Ordinal })
		}
	}
	slices.Sort(ordinals)
	return slices.DeleteFunc(slices.Compact(ordinals), func(n int) bool {
		return v.facts.API.Answered() &&
			v.facts.API.Joined(v.nodeNames.Node(pool.name, n), pool.name == model.ControlPlanePool)
	})
}

// findings are all that speaks against the steps or should be known about them,
// as far as the facts say.
func findings(v view, pools []nodePoolPlan) model.Findings {
	var f model.Findings
	f.Add(recordFindings(v))
	f.Add(loadBalancerFindings(v))
	f.Add(formerFindings(v))
	f.Add(restoreFindings(v))
	f.Add(encryptionFindings(v))
	f.Add(replaceFindings(v))
	f.Add(repairFindings(v))
	f.Add(spreadFindings(v.facts))
	f.Add(placeFindings(v))
	for _, pool := range pools {
		f.Add(pool.findings)
	}
	f.Add(packFindings(v))
	f.Add(cloudProviderFindings(v))
	f.Add(podNetworkFindings(v))
	f.Add(apiFindings(v))
	f.Add(upgradeFindings(v))
	f.Add(presenceFindings(v))
	f.Add(rangeFindings(v.spec))
	f.Add(repositoryFindings(v))
	return f
}
