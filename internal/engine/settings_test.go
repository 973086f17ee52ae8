package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// hasSettings fails where joining nodes would not find the settings of a spec, or a plan
// has anything to do.
func (w *world) hasSettings(spec model.ClusterSpec, secrets *model.Secrets) {
	w.t.Helper()
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		w.t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	_, facts, err := w.engine().Status(w.t.Context(), spec, secrets)
	w.must(err)
	spec.SetBuiltWith(secrets)
	if got := facts.API.Kubeadm.Settings; got != spec.ConfigIdentity() {
		w.t.Errorf("joining nodes find the settings %q, not %q", got, spec.ConfigIdentity())
	}
	w.noAddressTwice()
}

// TestSettingsOfARunningCluster adds settings, then one that no API server starts with, and
// takes all of them back.
func TestSettingsOfARunningCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	plain, secrets, _ := w.applied(w.withNetwork(1, 1))
	admission := bootstrap.File{
		Path: "/etc/example/admission.yaml", Content: "kind: AdmissionConfiguration\n", Permissions: "0600", Owner: "root:root",
	}
	spec := plain
	spec.ControlPlane.Setup.Files = []bootstrap.File{admission}
	spec.Settings = bootstrap.Settings{
		APIServer:     bootstrap.Arguments{"admission-control-config-file": admission.Path, "max-requests-inflight": "800"},
		OIDC:          &bootstrap.OIDC{IssuerURL: "https://login.example.com", Audiences: []string{"a"}, UsernameClaim: "sub"},
		KubeletConfig: "maxPods: 60\n",
	}
	w.apply(spec, secrets)
	w.hasSettings(spec, secrets)

	broken := spec
	broken.Settings.APIServer = bootstrap.Arguments{"max-request-inflight": "800"}
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: broken, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "kube-apiserver does not start") {
		t.Errorf("error %v", err)
	}
	if nodes := w.kubeNodes(secrets); nodes["prod-cp-2"].Name == "" && len(nodes) != 2 {
		t.Errorf("the nodes are %v", nodes)
	}

	w.apply(plain, secrets)
	w.hasSettings(plain, secrets)
}

// TestSettingsOfANewCluster are there from the first node on, and no run writes them.
func TestSettingsOfANewCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withNetwork(1, 1)
	spec.Settings.APIServer = bootstrap.Arguments{"max-requests-inflight": "800"}
	spec.Workers[0].Setup = bootstrap.Setup{PreBootstrap: []string{"true"}, PostBootstrap: []string{"true"}}
	spec, secrets, _ := w.applied(spec)
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	// The files of one pool roll that pool alone.
	spec.Workers = slices.Clone(spec.Workers)
	spec.Workers[0].Setup.PreBootstrap = []string{"true", "true"}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"create_node prod-general-2", "delete_node prod-general-1"}) {
		t.Errorf("planned %v", got)
	}
}

// TestCommandsThatFail end the bootstrap of a node where they run before it, and its
// rollout where they run after it.
func TestCommandsThatFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 2))
	spec.Workers = slices.Clone(spec.Workers)
	for _, c := range []struct {
		setup bootstrap.Setup
		words string
	}{
		{bootstrap.Setup{PreBootstrap: []string{"true", "mount /dev/hunter2\nexit 32"}}, "command 002 of pre-bootstrap failed with status 32"},
		{bootstrap.Setup{PostBootstrap: []string{"false"}}, "command 001 of post-bootstrap failed with status 1"},
	} {
		spec.Workers[0].Setup = c.setup
		_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err == nil || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error %v, want %q", err, c.words)
		}
		// The first node that fails stops the rollout: one of those of before is left.
		if nodes := w.kubeNodes(secrets); nodes["prod-general-2"].Name == "" {
			t.Errorf("the nodes are %v", nodes)
		}
	}
}
