package engine_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAuthoritiesOfAFailedFirstBootAreNotUsedAgain fails the first boot and applies
// again with what the first apply left in the state: every user who may read the VM's
// configuration could read its authorities.
func TestAuthoritiesOfAFailedFirstBootAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	broken := w.engine()
	broken.Builder = tampering{broken.Builder, "prod-cp-1", func(meta, user string) (string, string) {
		return meta, everywhere(user, "podSubnet", "podSubent")
	}}
	secrets := newSecrets(t)
	first := secrets.Authorities
	out, err := broken.Apply(t.Context(), engine.Request{Spec: w.spec(1, 0), Secrets: secrets})
	var boot *run.BootError
	if !errors.As(err, &boot) || out.APIReached {
		t.Fatalf("got %v", err)
	}
	failed := w.controlPlane(out)
	if failed.Userdata || failed.Marker.CAFingerprint != first.Fingerprint() {
		t.Errorf("the VM that failed: %+v", failed)
	}
	if secrets.Authorities.Fingerprint() == first.Fingerprint() || secrets.Kubeconfig != nil {
		t.Error("the state keeps the authorities that were in the VM")
	}

	// The state is untainted: an update of what exists.
	spec := w.spec(1, 0)
	spec.ID, spec.New = out.ID, false
	if out, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil || !out.APIReached {
		t.Fatalf("the second apply: %v", err)
	}
	node := w.controlPlane(out)
	if node.Ref == failed.Ref || node.Marker.Address != failed.Marker.Address || node.Marker.VIP != failed.Marker.VIP {
		t.Errorf("want another VM on the same addresses: %+v, then %+v", failed, node)
	}
	if node.Marker.CAFingerprint != secrets.Authorities.Fingerprint() {
		t.Error("the VM has other authorities than the state")
	}
}

// TestAuthoritiesOfAnUnfinishedFirstBootAreNotUsedAgain finds a VM of its own
// authorities that failed while no run was watching.
func TestAuthoritiesOfAnUnfinishedFirstBootAreNotUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	broken := w.engine()
	broken.Builder = tampering{broken.Builder, "prod-cp-1", func(meta, user string) (string, string) {
		return meta, everywhere(user, "podSubnet", "podSubent")
	}}
	secrets := newSecrets(t)
	first := *secrets
	out, err := broken.Apply(t.Context(), engine.Request{Spec: w.spec(1, 0), Secrets: secrets})
	if err == nil {
		t.Fatal("the first boot did not fail")
	}
	*secrets = first // as if the run had been killed before the failure
	spec := w.spec(1, 0)
	spec.ID, spec.New = out.ID, false
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	if secrets.Authorities.Fingerprint() == first.Authorities.Fingerprint() {
		t.Error("the authorities were used again")
	}
}

// TestAuthoritiesOfARunningClusterStay has a worker fail: that is no first boot.
func TestAuthoritiesOfARunningClusterStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	broken := w.engine()
	broken.Builder = tampering{broken.Builder, "prod-general-1", func(meta, user string) (string, string) {
		return meta, strings.ReplaceAll(user, "gantry", "\x00")
	}}
	secrets := newSecrets(t)
	first := secrets.Authorities
	out, err := broken.Apply(t.Context(), engine.Request{Spec: w.spec(1, 1), Secrets: secrets})
	if err == nil || !out.APIReached || secrets.Authorities != first || len(secrets.Kubeconfig) == 0 {
		t.Errorf("API reached: %t, %v", out.APIReached, err)
	}
}

// controlPlane is the one control-plane VM of a cluster.
func (w *world) controlPlane(out *engine.Outcome) model.Machine {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: out.ID})
	if err != nil || len(survey.Machines) != 1 {
		w.t.Fatalf("got %d machines, %v", len(survey.Machines), err)
	}
	return survey.Machines[0]
}
