package engine_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

const account = "team@vsphere.local"

// as is an engine that builds as another account.
func (w *world) as(username, password string) *engine.Engine {
	w.t.Helper()
	e := w.engine()
	sessions := &vsphere.Sessions{}
	builder, err := sessions.Get(w.t.Context(), vsphere.Config{
		Server: w.sim.Server(), Username: username, Password: password, CACertificate: w.sim.CACertificate(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = sessions.LogoutAll(w.t.Context()) })
	e.Builder = builder
	return e
}

// region is a node's topology label.
func (w *world) region(kubeconfig []byte, node string) string {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(kubeconfig, pki.KeyPair{})
	if err != nil {
		w.t.Fatal(err)
	}
	nodes, err := api.Nodes(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Name == node {
			return n.Labels["topology.kubernetes.io/region"]
		}
	}
	w.t.Fatalf("no node %s", node)
	return ""
}

// The cloud account may not see tags, and the labels of the zones are there all the
// same: the provider reads them. Where the provider may not either, a node is built
// without them, and a warning names the privilege.
func TestZonesAreReadAsTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Users: map[string]string{account: "secret"}})
	if err := w.sim.DenyPrivilegeOn(account, "System.Read", simulator.GlobalPermission); err != nil {
		t.Fatal(err)
	}
	spec, secrets := w.spec(1, 0), newSecrets(t)
	out, err := w.as(account, "secret").Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || len(out.Warnings) > 0 {
		t.Fatalf("%v, %v", out.Warnings, err)
	}
	if got := w.region(secrets.Kubeconfig, "prod-cp-1"); got == "" {
		t.Error("the node has no label of its region")
	}

	if err := w.sim.AddFault(simulator.Fault{
		Kind: simulator.RefuseCall, Call: "POST tag-association?list-attached-tags-on-objects", Fault: "unauthorized", Times: -1,
	}); err != nil {
		t.Fatal(err)
	}
	spec.ID, spec.New, spec.Workers[0].Count = out.ID, false, 1
	out, err = w.as(account, "secret").Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Detail, "System.Read") {
		t.Fatalf("%v, %v", out.Warnings, err)
	}
	if got := w.region(secrets.Kubeconfig, "prod-general-1"); got != "" {
		t.Errorf("the node has the region %q", got)
	}
}

// The addresses of containers are not on the network.
func TestAddressesOfContainersDoNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.spec(1, 0))
	survey, err := w.engine().Reader.Survey(t.Context(), model.SurveyRequest{Cluster: spec.ID})
	if err != nil || len(survey.Reported) == 0 {
		t.Fatalf("%v, %v", survey, err)
	}
	for addr, path := range survey.Reported {
		if !strings.HasPrefix(addr.String(), "10.10.183.") {
			t.Errorf("%s is taken by %s", addr, path)
		}
	}
}

// A plan that spreads nodes over compute clusters without zones warns, unless the
// same run puts them there.
func TestZonesThatAreMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Inventory: simulator.Inventory{WithoutZoneTags: true}})
	spec := w.spec(1, 2)
	second := spec.Workers[0].Placements[0]
	second.ComputeCluster = "cluster-b"
	spec.Workers[0].Placements = append(spec.Workers[0].Placements, second)
	e := w.engine()
	warned := func() string {
		t.Helper()
		p, err := e.PlanCreation(t.Context(), spec, unknownFormer)
		if err != nil || p.Err() != nil {
			t.Fatalf("%v, %v", p, err)
		}
		for _, warning := range p.Warnings {
			if warning.Summary == "Zone tags are missing" {
				return warning.Detail
			}
		}
		return ""
	}
	if got := warned(); !strings.Contains(got, `"cluster-a", "cluster-b"`) {
		t.Errorf("warned %q", got)
	}
	e.PlannedZone = func(object string) (string, bool) { return "of " + object, true }
	if got := warned(); got != "" {
		t.Errorf("the run puts them there, and it is warned %q", got)
	}
}
