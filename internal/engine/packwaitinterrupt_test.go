package engine_test

import (
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// TestInterruptedWait kills runs at the calls by which they apply packs and wait for them. The next
// plan has the pack as long as it was not seen ready, and the next run waits for it.
func TestInterruptedWait(t *testing.T) {
	t.Parallel()
	every := 9
	if sweep.Complete() {
		every = 1
	}
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	begun := spec
	w.give(secrets, "operator")
	spec.Packs = []model.Pack{
		waiting("net", model.LayerCNI, 20*time.Second, network.Manifests[0], needs("operator", "")),
		waiting("app", "addon", 20*time.Second, task("app", "sleep 20")),
	}
	done := func() bool {
		job, err := w.clients(secrets).BatchV1().Jobs("default").Get(t.Context(), "app", metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Fatal(err)
		}
		return err == nil && job.Status.Succeeded == 1
	}
	points := 0
	for k := sweep.Offset() % every; w.changeUntil(k, spec, secrets); k += every {
		points++
		planned := actions(w.plan(spec, secrets))
		app := slices.Contains(planned, "apply_pack app") || slices.Contains(planned, "wait_for_pack app")
		if !app && !done() {
			t.Errorf("killed at %d, the next plan has %v", k, planned)
		}
		w.change(spec, secrets)
		if !done() {
			t.Errorf("killed at %d, the next run did not wait", k)
		}
		w.expectPlan(spec, secrets)
		w.change(begun, secrets)
		if t.Failed() {
			return
		}
	}
	if points == 0 {
		t.Error("nothing was interrupted")
	}
	if !done() {
		t.Error("the last run did not wait")
	}
}
