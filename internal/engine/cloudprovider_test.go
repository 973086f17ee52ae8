package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/cpimanifest"
)

// cloudProvider is a pack of the field's cloud provider, which logs in to the simulated
// vCenter with a password.
func (w *world) cloudProvider(password string) model.Pack {
	manifest := cpimanifest.Manifest(w.sim.Server(), w.sim.Username(), password, true)
	return model.Pack{Name: "vsphere", Layer: model.LayerCPI, Manifests: []string{manifest}}
}

// withCloudProvider is a cluster whose nodes become Ready and are initialized.
func (w *world) withCloudProvider(controlPlane, workers int) model.ClusterSpec {
	spec := w.spec(controlPlane, workers)
	spec.Packs = []model.Pack{network, w.cloudProvider(w.sim.Password())}
	return spec
}

// kubeNodes are the nodes as the cluster's API has them, by name.
func (w *world) kubeNodes(secrets *model.Secrets) map[string]model.KubeNode {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	w.must(err)
	list, err := api.Nodes(w.t.Context())
	w.must(err)
	nodes := map[string]model.KubeNode{}
	for _, n := range list {
		nodes[n.Name] = n
	}
	return nodes
}

func statusCondition(t testing.TB, st *model.Status, kind string) model.Condition {
	t.Helper()
	for _, c := range st.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return model.Condition{}
}

// TestCloudProviderInitializesEveryNode builds a cluster with a pack of layer cpi: each
// node, the one that holds the VIP too, gets its provider id, its address and its labels,
// loses its taint, and there is nothing to plan after it.
func TestCloudProviderInitializesEveryNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, out := w.applied(w.withCloudProvider(3, 1))
	if out.Status.State != model.StateRunning || len(out.Warnings) > 0 {
		t.Errorf("%+v, %v", out.Status, out.Warnings)
	}
	if c := statusCondition(t, out.Status, "NodesInitialized"); c.Status != model.ConditionTrue {
		t.Errorf("condition %+v", c)
	}
	nodes := w.kubeNodes(secrets)
	for _, node := range out.Status.Nodes {
		got := nodes[node.Name]
		switch {
		case !got.Initialized() || !got.Ready || len(got.Addresses) == 0 || got.Addresses[0].String() != node.Address:
			t.Errorf("%s: %+v", node.Name, got)
		case !strings.HasPrefix(got.ProviderID, "vsphere://") || strings.Contains(got.ProviderID, node.UUID):
			t.Errorf("%s has the provider id %q, which is not that of its BIOS", node.Name, got.ProviderID)
		case got.Labels["node.kubernetes.io/instance-type"] != "vsphere-vm.cpu-2.mem-4gb.os-ubuntu",
			got.Labels["topology.kubernetes.io/zone"] == "", got.Labels["topology.kubernetes.io/region"] == "":
			t.Errorf("%s has the labels %v", node.Name, got.Labels)
		}
	}
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil || len(p.Warnings) > 0 {
		t.Errorf("planned %v, %v", actions(p), p.Warnings)
	}

	spec.Packs = spec.Packs[:1]
	if p := w.plan(spec, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "cannot do without its cloud provider") {
		t.Errorf("without the pack: %v, %v", actions(p), p.Err())
	}
}

// TestCloudProviderThatCannotLogIn has the wrong password in the pack's Secret: the apply
// names the nodes that stay tainted, the next plan says what to do, and the right password
// ends it.
func TestCloudProviderThatCannotLogIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.withCloudProvider(1, 1), newSecrets(t)
	spec.Packs[1] = w.cloudProvider("wrong")
	e := w.engine()
	e.Timing.ReadyWait = time.Second
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !out.APIReached || !strings.Contains(err.Error(), "not initialized by the cloud provider: prod-cp-1, prod-general-1") {
		t.Fatalf("got %v", err)
	}
	c := statusCondition(t, out.Status, "NodesInitialized")
	if out.Status.State != model.StateDegraded || c.Status != model.ConditionFalse ||
		!strings.Contains(c.Message, "prod-cp-1, prod-general-1") {
		t.Errorf("%+v", out.Status)
	}
	spec = kept(spec, out)
	p := w.plan(spec, secrets)
	if !p.Empty() || p.Err() != nil || !slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
		return strings.Contains(f.Detail, `"prod-cp-1", "prod-general-1"`) && strings.Contains(f.Detail, "Correct the pack and apply")
	}) {
		t.Errorf("planned %v, %v", actions(p), p.Warnings)
	}

	spec.Packs[1] = w.cloudProvider(w.sim.Password())
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"apply_pack vsphere"}) {
		t.Errorf("planned %v", got)
	}
	out, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || out.Status.State != model.StateRunning {
		t.Errorf("%+v, %v", out.Status, err)
	}
}

// TestCloudProviderAndNodesThatGo has VMs that are off, whose nodes the cloud provider
// taints, and that are deleted, whose nodes it deletes: the one is powered on and no more,
// the other replaced, and nothing is left to plan.
func TestCloudProviderAndNodesThatGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withCloudProvider(1, 2))
	const off, gone = "prod-general-1", "prod-general-2"
	tainted := func() bool {
		return slices.ContainsFunc(w.kubeNodes(secrets)[off].Taints, func(t model.Taint) bool {
			return t.Key == "node.cloudprovider.kubernetes.io/shutdown"
		})
	}
	w.powerOff(off, gone)
	w.must(w.sim.DeleteVM(gone))
	w.eventually(func() bool {
		_, exists := w.kubeNodes(secrets)[gone]
		return !exists && tainted()
	})
	p := w.plan(spec, secrets)
	if got := actions(p); !slices.Equal(got, []string{"release_address " + gone, "power_on_node " + off, "create_node prod-general-3"}) {
		t.Errorf("planned %v, %v", got, p.Warnings)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || out.Status.State != model.StateRunning {
		t.Fatalf("%+v, %v", out.Status, err)
	}
	w.eventually(func() bool { return !tainted() })
	spec = kept(spec, out)
	if p := w.plan(spec, secrets); !p.Empty() || len(p.Warnings) > 0 {
		t.Errorf("planned %v, %v", actions(p), p.Warnings)
	}

	// One whose object is deleted while its VM is off comes back by itself.
	w.powerOff(off)
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	w.must(err)
	w.must(api.DeleteNode(t.Context(), off))
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"power_on_node " + off}) {
		t.Fatalf("planned %v", got)
	}
	out, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || out.Status.State != model.StateRunning || !w.kubeNodes(secrets)[off].Initialized() {
		t.Errorf("%+v, %v", out.Status, err)
	}
	if p := w.plan(kept(spec, out), secrets); !p.Empty() {
		t.Errorf("planned %v", actions(p))
	}
}

// TestWorkerWithoutNodeObjectThatDoesNotComeBack fails to power such a worker on: the next
// apply replaces it.
func TestWorkerWithoutNodeObjectThatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withCloudProvider(1, 1))
	w.powerOff("prod-general-1")
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	w.must(err)
	w.must(api.DeleteNode(t.Context(), "prod-general-1"))
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.FailTask, Call: "PowerOnVM_Task", Fault: "InsufficientResourcesFault"}))
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "next apply replaces the node") {
		t.Fatalf("got %v", err)
	}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"delete_node prod-general-1", "create_node prod-general-1"}) {
		t.Errorf("planned %v", got)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || out.Status.State != model.StateRunning {
		t.Errorf("%+v, %v", out.Status, err)
	}
}

// TestRollStopsAtANodeThatIsNotInitialized rolls while the cloud provider can no longer
// log in: the successor takes no pods, and no other node is taken away.
func TestRollStopsAtANodeThatIsNotInitialized(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withCloudProvider(1, 1))
	spec.Packs[1].IgnoresDrift = true // or it would be set back before
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	w.must(err)
	w.byHand(api, w.cloudProvider("wrong").Manifests...) // as an administrator might
	spec.Workers[0].CPU = 4
	e := w.engine()
	e.Timing.ReadyWait = time.Second
	_, err = e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "prod-general-2 has joined and takes no work: the cloud provider has not initialized it") {
		t.Fatalf("got %v", err)
	}
	if nodes := w.kubeNodes(secrets); !nodes["prod-general-1"].Ready || nodes["prod-general-1"].Unschedulable {
		t.Errorf("the node that was to be replaced: %+v", nodes["prod-general-1"])
	}
	w.byHand(api, w.cloudProvider(w.sim.Password()).Manifests...)
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || out.Status.State != model.StateRunning {
		t.Fatalf("%+v, %v", out.Status, err)
	}
	if nodes := w.kubeNodes(secrets); len(nodes) != 2 || !nodes["prod-general-2"].Initialized() {
		t.Errorf("nodes %+v", nodes)
	}
}
