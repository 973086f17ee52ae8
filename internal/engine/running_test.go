package engine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const (
	firstKey  = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl a@example"
	secondKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHl6iWFpNxyvVBpXPqKuBGAYCGeFPYHMtJbdZ4CXu9Yx b@example"
)

// TestChangedValuesRollAllNodes corrects a wrong SSH key and sets a proxy: all nodes are
// replaced, the control plane first, and nothing is left to do.
func TestChangedValuesRollAllNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withNetwork(1, 1)
	spec.SSHAuthorizedKeys = []string{firstKey}
	spec, secrets, out := w.applied(spec)
	w.upToDate(out, "")

	spec.SSHAuthorizedKeys = []string{strings.TrimSuffix(firstKey, "a@example") + "me\n"}
	if p := w.plan(spec, secrets); !p.Empty() || len(p.Warnings) > 0 {
		t.Fatalf("another comment is no change: %v, %v", actions(p), p.Warnings)
	}

	spec.SSHAuthorizedKeys = []string{secondKey}
	spec.Proxy = &model.Proxy{HTTP: "http://user:hunter22@10.0.0.9:3128", HTTPS: "http://10.0.0.9:3128", NoProxy: ".example.com"}
	want := []string{"create_node prod-cp-2", "delete_node prod-cp-1", "create_node prod-general-2", "delete_node prod-general-1"}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, want) {
		t.Fatalf("planned %v", got)
	}
	out = w.applies(spec, secrets)
	if out.Status.State != model.StateRunning || out.Status.Health != model.Healthy {
		t.Errorf("%s, %s", out.Status.State, out.Status.Health)
	}
	w.upToDate(out, "")
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
		t.Fatalf("then planned %v, %v", actions(p), p.Problems)
	}
	status, _, err := w.engine().Status(t.Context(), spec, secrets)
	w.must(err)
	w.upToDate(&engine.Outcome{Status: status}, "")

	survey, err := w.engine().Reader.Survey(t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	raw, err := json.Marshal(survey.Machines)
	if w.must(err); strings.Contains(string(raw), "hunter22") {
		t.Error("a marker holds the proxy's password")
	}
}

// applies applies a change that must succeed.
func (w *world) applies(spec model.ClusterSpec, secrets *model.Secrets) *engine.Outcome {
	w.t.Helper()
	out, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// upToDate expects that the condition names the control-plane nodes that are outdated;
// empty: none is.
func (w *world) upToDate(out *engine.Outcome, old string) {
	w.t.Helper()
	for _, c := range out.Status.Conditions {
		if c.Type != "ControlPlaneUpToDate" {
			continue
		}
		if (c.Status == model.ConditionTrue) != (old == "") || !strings.HasSuffix(c.Message, old) {
			w.t.Errorf("want %q, got %+v", old, c)
		}
		return
	}
	w.t.Errorf("no condition: %+v", out.Status.Conditions)
}
