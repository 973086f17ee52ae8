package engine_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func TestApplyBuildsAClusterAndDestroyLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	want := []string{
		"create_record prod", "create_folder k8s/prod", "reserve_endpoint prod",
		"create_node prod-cp-1", "create_node prod-cp-2", "create_node prod-cp-3",
		"create_node prod-general-1", "create_node prod-general-2",
	}
	if got := actions(w.plan(w.spec(3, 2), nil)); !slices.Equal(got, want) {
		t.Fatalf("planned %v, want %v", got, want)
	}
	spec, secrets, out := w.applied(w.spec(3, 2))
	if out.Status.State != model.StateRunning || len(out.Status.Nodes) != 5 {
		t.Fatalf("status %+v", out.Status)
	}
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Fatalf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	if err := w.engine().Destroy(t.Context(), spec.Target()); err != nil {
		t.Fatal(err)
	}
	left := w.sim.Leftovers()
	if len(left.VMs)+len(left.Folders)+len(left.Rules) > 0 {
		t.Fatalf("left behind: %+v", left)
	}
}

// TestAnswerThatWasNotRecorded is a run that was killed right after the API's first
// answer and whose state is kept, as of a creation that was untainted: the next one
// records it, and the cluster runs.
func TestAnswerThatWasNotRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	tags := w.engine().Ledger
	id := tags.ID(spec.Ref)
	recorded, err := tags.Record(t.Context(), id)
	w.must(err)
	body, err := recorded.Cluster()
	w.must(err)
	body.APIReached, body.CreationComplete = false, false
	raw, err := json.Marshal(body)
	w.must(err)
	w.must(tags.UpdateRecord(t.Context(), id, raw))

	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if !out.APIReached || out.Status.State != model.StateRunning {
		t.Errorf("reached %v, status %+v", out.APIReached, out.Status)
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("a second plan has the steps %v", actions(p))
	}
}
