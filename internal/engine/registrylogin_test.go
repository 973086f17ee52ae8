package engine_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

const privateRegistry = "harbor.example.com"

// private has a cluster take all images from a registry that lets in one user.
func (w *world) private(spec model.ClusterSpec, password string) model.ClusterSpec {
	w.sim.SetRegistry(privateRegistry, guest.Registry{Username: "robot", Password: password, Tokens: true})
	spec.Registry = bootstrap.Registry{
		Mirrors: map[string][]string{
			"docker.io":       {"https://" + privateRegistry + "/v2/hub"},
			"ghcr.io":         {"https://" + privateRegistry + "/v2/ghcr"},
			"registry.k8s.io": {"https://" + privateRegistry},
		},
		Username: "robot", Password: password, PasswordVersion: 1,
	}
	return spec
}

// hidden expects that the password is in no VM, marker or event.
func (w *world) hidden(spec model.ClusterSpec, password string) {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	told, err := json.Marshal([]any{survey.Machines, w.sim.UserEvents(), w.sim.Guests()})
	if w.must(err); len(survey.Machines) == 0 || strings.Contains(string(told), password) {
		w.t.Errorf("the password of registries is in one of %d machines, in an event or in a log", len(survey.Machines))
	}
	for _, m := range survey.Machines {
		if m.Userdata {
			w.t.Errorf("%s has userdata", m.Path)
		}
	}
}

// TestNodesLogInToRegistries has them join by later applies, which have to have the password.
func TestNodesLogInToRegistries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.private(w.withNetwork(1, 0), "hunter2"))
	w.hidden(spec, "hunter2")
	spec.Workers = slices.Clone(spec.Workers)
	spec.Workers[0].Count = 1
	without := spec
	without.Registry.Password = ""
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: without, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "password_wo") || len(w.kubeNodes(secrets)) != 1 {
		t.Errorf("without the password: %v", err)
	}
	w.apply(spec, secrets)
	if nodes := w.kubeNodes(secrets); len(nodes) != 2 {
		t.Errorf("nodes %v", nodes)
	}
	w.hidden(spec, "hunter2")
}

// TestAnImageRepositoryComesAfterItsLogin, without which old nodes cannot pull its images.
func TestAnImageRepositoryComesAfterItsLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 0))
	w.sim.SetRegistry(privateRegistry, guest.Registry{Username: "robot", Password: "hunter2", Tokens: true})
	spec.Registry = bootstrap.Registry{
		Mirrors: map[string][]string{privateRegistry: {"https://" + privateRegistry}}, Username: "robot", Password: "hunter2", PasswordVersion: 1,
	}
	w.apply(spec, secrets)
	spec.Registry.Repository = privateRegistry + "/kubernetes"
	both := spec
	both.Registry.Mirrors, both.Registry.PasswordVersion = nil, 2
	if p := w.plan(both, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "without image_repository first") {
		t.Errorf("all at once: %v", p.Err())
	}
	w.apply(spec, secrets)
	if got := w.addonImages(secrets); !strings.HasPrefix(got, privateRegistry+"/kubernetes/kube-proxy:v") {
		t.Errorf("the add-ons are %s", got)
	}
}

// TestAnotherPasswordOfRegistriesRollsTheNodes where its version or the user says that there is
// one; the password alone says nothing.
func TestAnotherPasswordOfRegistriesRollsTheNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.private(w.withNetwork(1, 1), "hunter2"))
	old := slices.Sorted(maps.Keys(w.kubeNodes(secrets)))
	spec = w.private(spec, "hunter3")
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("planned %v", actions(again))
	}
	other := spec
	other.Registry.Username = "other"
	spec.Registry.PasswordVersion = 2
	for _, changed := range []model.ClusterSpec{other, spec} {
		if got := actions(w.plan(changed, secrets)); len(got) != 4 || !slices.Contains(got, "delete_node prod-cp-1") ||
			!slices.Contains(got, "delete_node prod-general-1") {
			t.Errorf("planned %v", got)
		}
	}
	w.apply(spec, secrets)
	now := slices.Sorted(maps.Keys(w.kubeNodes(secrets)))
	if len(now) != 2 || slices.ContainsFunc(now, func(n string) bool { return slices.Contains(old, n) }) {
		t.Errorf("the nodes were %v and are %v", old, now)
	}
	w.hidden(spec, "hunter3")
	// Taken out, it rolls them as well, and no password is needed.
	spec.Registry = bootstrap.Registry{}
	w.apply(spec, secrets)
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("planned %v", actions(again))
	}
}

// TestARegistryRefusesAWrongPassword: the apply says so, and the next one with the right one
// builds what has failed anew.
func TestARegistryRefusesAWrongPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.private(w.withNetwork(1, 0), "hunter2")
	spec.Registry.Password = "wrong-one"
	secrets := newSecrets(t)
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Parents: []uuid.UUID{uuid.New()}})
	if err == nil || !strings.Contains(err.Error(), "401 Unauthorized") || strings.Contains(err.Error(), "wrong-one") {
		t.Fatalf("with a wrong password: %v", err)
	}
	spec.Registry.Password = "hunter2"
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Parents: []uuid.UUID{uuid.New()}})
	w.must(err)
	if nodes := w.kubeNodes(secrets); len(nodes) != 1 {
		t.Errorf("nodes %v", nodes)
	}
	w.hidden(kept(spec, out), "hunter2")
}

// TestLoadBalancersLogInToRegistries, for what they run themselves.
func TestLoadBalancersLogInToRegistries(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.private(w.leasedWithNetwork(1, 0), "hunter2"))
	w.hidden(spec, "hunter2")
	spec = w.private(spec, "hunter3")
	spec.Registry.PasswordVersion = 2
	if got := actions(w.plan(spec, secrets)); !slices.Contains(got, "replace_load_balancer prod-lb") {
		t.Errorf("planned %v", got)
	}
	without := spec
	without.Registry.Password = ""
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: without, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "password_wo") {
		t.Errorf("without the password: %v", err)
	}
	w.apply(spec, secrets)
	w.hidden(spec, "hunter3")
}
