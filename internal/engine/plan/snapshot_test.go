package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// TestEtcdIsSavedBeforeAMemberLeaves has one snapshot in a plan that takes members out of
// etcd, before the first of them, and none in any other.
func TestEtcdIsSavedBeforeAMemberLeaves(t *testing.T) {
	t.Parallel()
	saved := func(s *model.ClusterSpec) *model.ClusterSpec {
		s.EtcdSnapshots = &model.EtcdSnapshots{Directory: "/snapshots"}
		return s
	}
	rolled := planned(saved(grownCPU(1)), running(1, 0))
	wantSteps(t, rolled, "snapshot_etcd c, create_node c-cp-2, delete_node c-cp-1")
	wantRollout(t, rolled, "etcd snapshot, rollout of cp")
	if step := rolled.Steps()[0].(model.SnapshotEtcd); step.Directory != "/snapshots" {
		t.Errorf("%+v", step)
	}
	wantSteps(t, planned(saved(grownCPU(3)), half(3, 4, 2, 3, 4, 5)),
		"snapshot_etcd c, delete_node c-cp-2, create_node c-cp-9, delete_node c-cp-3")

	f := running(3, 0)
	lose(f, "c-cp-2")
	lost := planned(saved(small(3, 0)), f)
	wantSteps(t, lost, "snapshot_etcd c, remove_lost_node c-cp-2, create_node c-cp-4")
	if lost.Stages[0].OnFailure != model.Stop {
		t.Errorf("without a snapshot, %v goes on", lost.Stages[0])
	}
	if both := planned(saved(grownCPU(3)), f); len(both.Steps()) > 0 {
		n := 0
		for i, step := range both.Steps() {
			if _, ok := step.(model.SnapshotEtcd); ok {
				n++
				if i > 0 {
					t.Errorf("planned %s", names(both))
				}
			}
		}
		if n != 1 {
			t.Errorf("%d snapshots in %s", n, names(both))
		}
	}

	stored := running(1, 0)
	stored.Record.Snapshots = []string{"Datastore:a", "Datastore:b"}
	target := small(1, 0).Target()
	gone := names(plan.Destroy(target, stored, &model.Limits{}))
	if !strings.Contains(gone, "delete_snapshots c, delete_snapshots c, delete_record c") {
		t.Errorf("a destruction leaves snapshots: %s", gone)
	}
	forced, _ := plan.Force(target, stored, nil)
	if !slices.ContainsFunc(forced.Steps(), func(s model.Step) bool { d, ok := s.(model.DeleteSnapshots); return ok && d.Leave }) {
		t.Errorf("a forced destruction leaves snapshots: %s", names(forced))
	}

	workers := saved(small(1, 1))
	workers.Workers[0].CPU = 4
	for name, p := range map[string]*model.Plan{
		"a creation":         planned(saved(small(3, 0)), &model.Facts{CAFingerprint: theCA}),
		"a grown plane":      planned(saved(small(3, 0)), running(1, 0)),
		"a roll of workers":  planned(workers, running(1, 1)),
		"a join that failed": planned(saved(small(3, 0)), unjoined(running(3, 0), 3, false)),
		"an API that is off": planned(saved(grownCPU(3)), unreachable(running(3, 0))),
	} {
		if slices.ContainsFunc(p.Steps(), func(s model.Step) bool { _, ok := s.(model.SnapshotEtcd); return ok }) {
			t.Errorf("%s saves etcd: %s", name, names(p))
		}
	}
}
