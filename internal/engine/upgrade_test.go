package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// old is a running cluster of Kubernetes 1.36 with a pod network.
func (w *world) old(controlPlane, workers int) (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	spec := w.spec(controlPlane, workers)
	spec.KubernetesVersion = "1.36.3"
	spec.Image.Template = "gantry-node-1.36.3"
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	return spec, secrets
}

// upgraded is the spec with the next version.
func upgraded(spec model.ClusterSpec) model.ClusterSpec {
	spec.KubernetesVersion = "1.37.2"
	spec.Image.Template = "gantry-node-1.37.2"
	return spec
}

// isUpgraded fails where a part of the cluster is not of the version, but for pools that
// have their own.
func (w *world) isUpgraded(spec model.ClusterSpec, secrets *model.Secrets) {
	w.t.Helper()
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		w.t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	_, facts, err := w.engine().Status(w.t.Context(), spec, secrets)
	w.must(err)
	spec.SetBuiltWith(secrets)
	want := model.KubeadmFacts{
		Version: "1.37.2", Ours: true, Settings: spec.ConfigIdentity(), KubeProxy: "1.37.2", CoreDNS: "1.14.6",
		KubeProxyFrom: "registry.k8s.io", CoreDNSFrom: "registry.k8s.io/coredns",
	}
	if facts.API.Kubeadm != want {
		w.t.Errorf("kubeadm's: %+v", facts.API.Kubeadm)
	}
	for _, m := range facts.Machines {
		pool, _ := spec.NodePool(m.Marker.NodePool)
		want := spec.VersionOf(pool)
		if got := facts.API.Nodes[m.Marker.Node].Version; m.Marker.KubernetesVersion != want || got != "v"+want {
			w.t.Errorf("%s was built for %s, and its kubelet is of %s; want %s", m.Marker.Node, m.Marker.KubernetesVersion, got, want)
		}
	}
	wanted := 0
	for _, pool := range spec.NodePools() {
		wanted += pool.Count
	}
	if len(facts.Machines) != wanted {
		w.t.Errorf("%d machines", len(facts.Machines))
	}
	w.noAddressTwice()
}

// TestUpgrade goes from one minor version to the next, with a pool that stays behind for a
// while.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	old, secrets := w.old(3, 2)
	spec := upgraded(old)
	spec.Workers = slices.Clone(spec.Workers)
	spec.Workers[0].KubernetesVersion = "1.36.3"
	spec.Workers[0].Image = model.Image{Template: "gantry-node-1.36.3"}
	p := w.plan(spec, secrets)
	want := []string{
		"update_kubeadm_config prod",
		"create_node prod-cp-4", "delete_node prod-cp-1", "create_node prod-cp-5", "delete_node prod-cp-2",
		"create_node prod-cp-6", "delete_node prod-cp-3",
		"update_addon kube-proxy", "update_addon coredns",
	}
	if got := actions(p); !slices.Equal(got, want) || p.Err() != nil {
		t.Fatalf("planned %v (%v)", got, p.Err())
	}
	if !slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
		return f.Summary == "Kubernetes is upgraded to 1.37.2" && strings.Contains(f.Detail, "no way back") &&
			strings.Contains(f.Detail, "etcd goes from 3.6 to 3.7")
	}) {
		t.Errorf("warnings %v", p.Warnings)
	}
	e := w.engine()
	seen := w.quorumWitness(e, spec, secrets)
	if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	seen.kept(t)
	if !seen.releases["3.6.8"] || !seen.releases["3.7.0"] {
		t.Errorf("etcd served with members of %v", seen.releases)
	}
	w.isUpgraded(spec, secrets)

	spec.Workers[0].KubernetesVersion = ""
	spec.Workers[0].Image = model.Image{}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	w.isUpgraded(spec, secrets)
	if back := w.plan(old, secrets); !slices.ContainsFunc(back.Problems, func(f model.Finding) bool {
		return f.Summary == "Kubernetes is never downgraded"
	}) {
		t.Errorf("the way back: %v", back.Problems)
	}
}
