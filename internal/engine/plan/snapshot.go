package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// snapshotStage takes a snapshot of etcd before a plan takes the first member out of it:
// at once where the VM of one is lost, else as the first stage of the control plane's
// rollout.
func snapshotStage(v view, controlPlane *nodePoolPlan) model.Stage {
	if v.spec.EtcdSnapshots == nil || !v.hasEtcd() {
		return model.Stage{}
	}
	stage := model.Stage{
		Name:  "etcd snapshot",
		Steps: []model.Step{model.SnapshotEtcd{Cluster: v.spec.Name, Directory: v.spec.EtcdSnapshots.Directory}},
	}
	switch {
	case slices.ContainsFunc(controlPlane.cleanup, losesMember):
		return stage
	case slices.ContainsFunc(stepsOf(controlPlane.rollout), losesMember):
		stage.Rollout = true
		stage.OnFailure = model.SkipRollouts
		controlPlane.rollout = slices.Insert(controlPlane.rollout, 0, stage)
	}
	return model.Stage{}
}

// StoresSnapshot reports whether a plan writes a snapshot of etcd to the datastore of the
// control plane, and to which, given those that have some; empty: it does not, or the
// datastore is not known.
func StoresSnapshot(p *model.Plan, site model.Site, used []string) (datastore string) {
	for _, step := range p.Steps() {
		if s, ok := step.(model.SnapshotEtcd); ok && s.Directory == "" {
			return site.SnapshotDatastore(used)
		}
	}
	return ""
}

// snapshots refuses what a missing privilege would stop after the plan.
func (c check) snapshots() model.Findings {
	var f model.Findings
	if len(c.limits.NoSnapshots) > 0 {
		f.Refuse(model.ClusterField(model.FieldEtcdSnapshot), "Snapshots of etcd cannot be stored",
			"A snapshot of etcd is written to the datastore of the control plane before a node leaves it, and the account lacks %s there. "+
				"Grant it, or set a directory in etcd_snapshot.", model.Listed(c.limits.NoSnapshots))
	}
	return f
}

// losesMember reports whether a step takes out of etcd what was a member of it. What has
// never joined was none, and has no pods.
func losesMember(step model.Step) bool {
	switch s := step.(type) {
	case model.RemoveLostNode:
		return s.LeavesEtcd
	case model.DeleteNode:
		return s.LeavesEtcd && s.Drain
	default:
		return false
	}
}

// snapshotDeletions delete the snapshots that are on datastores.
func snapshotDeletions(target model.Target, facts *model.Facts) []model.Step {
	if !registered(target, facts) {
		return nil
	}
	var steps []model.Step
	for _, datastore := range facts.Record.Snapshots {
		steps = append(steps, model.DeleteSnapshots{Cluster: target.Name, Datastore: datastore})
	}
	return steps
}
