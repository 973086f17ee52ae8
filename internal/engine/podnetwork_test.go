package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// Without a pack of a pod network a cluster is built and never called healthy; one that
// is installed by other means makes it so, and from then on nodes are waited for.
func TestAClusterWithoutPodNetworkIsNotHealthy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	lacking := func(status *model.Status) bool {
		return slices.ContainsFunc(status.Conditions, func(c model.Condition) bool {
			return c.Type == "NodesReady" && c.Status == model.ConditionFalse && c.Reason == "NoPodNetwork" &&
				strings.Contains(c.Message, "prod-general-1")
		})
	}
	spec, secrets, out := w.applied(w.spec(1, 1))
	if out.Status.State != model.StateRunning || out.Status.Health != model.Unhealthy || !lacking(out.Status) {
		t.Fatalf("status %+v", out.Status)
	}
	if p := w.plan(spec, secrets); !p.Empty() || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0].Detail, "layer cni") {
		t.Fatalf("planned %v, %v", actions(p), p.Warnings)
	}

	w.byHand(w.administrator(secrets), network.Manifests...)
	w.eventually(func() bool {
		status, _, err := w.engine().Status(t.Context(), spec, secrets)
		w.must(err)
		return status.Health == model.Healthy
	})
	if p := w.plan(spec, secrets); !p.Empty() || len(p.Warnings) > 0 {
		t.Fatalf("planned %v, %v", actions(p), p.Warnings)
	}
	spec.Workers[0].Count = 2
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || out.Status.Health != model.Healthy || len(out.Status.Nodes) != 3 {
		t.Fatalf("%+v, %v", out.Status, err)
	}
}
