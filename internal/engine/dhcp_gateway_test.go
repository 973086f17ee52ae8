package engine_test

import (
	"context"
	"path"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestGatewayWithLeasesGrowsAndIsUpgraded has a gateway whose nodes take leases grow to three,
// and then be upgraded: its load balancer, and with it the endpoint, stays, and forwards to the
// nodes that there are, each with an agent.
func TestGatewayWithLeasesGrowsAndIsUpgraded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	wanted := w.withAgents(1)
	wanted.Allocation = model.AllocationDHCP
	wanted.OwnIPPool = nil
	wanted.ControlPlane.Placements[0].IPPoolID = uuid.Nil
	wanted.KubernetesVersion = "1.36.3"
	wanted.Image.Template = "gantry-node-1.36.3"
	// Another version of Kubernetes comes with another image, of which the load balancer is not
	// to be made anew here.
	wanted.LoadBalancer.Image.Template = "gantry-node-1.36.3"
	spec, secrets, out := w.applied(wanted)
	lb, mac := w.loadBalancer(spec)
	stays := func(members int) {
		t.Helper()
		w.forwards(spec, secrets, members)
		status := w.status(spec, secrets)
		if now, same := w.loadBalancer(spec); now.Ref != lb.Ref || same != mac || status.Endpoint != out.Status.Endpoint {
			t.Errorf("the load balancer was %s and is %s, the endpoint %s", lb.Ref, now.Ref, status.Endpoint)
		}
		if status.State != model.StateRunning {
			t.Errorf("it is %s: %+v", status.State, status.Conditions)
		}
	}
	stays(1)

	spec.ControlPlane.Count = 3
	spec.Packs[1] = w.agents(spec, nil)
	spec = w.again(spec, secrets)
	stays(3)
	first := w.machine(spec, "dc1-cp-1")

	spec = w.again(upgraded(spec), secrets)
	stays(3)
	w.isUpgraded(spec, secrets)
	for _, node := range w.status(spec, secrets).Nodes {
		if node.VM == first.Ref {
			t.Errorf("%s was not replaced", node.Name)
		}
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// clonesOf takes down of which template each VM is cloned.
type clonesOf struct {
	model.VCenter

	mu        sync.Mutex
	templates map[string]string
}

func (c *clonesOf) Clone(ctx context.Context, req model.CloneRequest) (string, error) {
	c.mu.Lock()
	c.templates[req.Name] = path.Base(req.Template.Path)
	c.mu.Unlock()
	return c.VCenter.Clone(ctx, req)
}

// TestLoadBalancerHasAPlaceAndAnImage has a load balancer with an image of its own, of a control
// plane with two placements: it is cloned of that, onto the first of these, also when it is made
// anew of the nodes' image.
func TestLoadBalancerHasAPlaceAndAnImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.leased(1, 0), newSecrets(t)
	first, second := spec.ControlPlane.Placements[0], spec.ControlPlane.Placements[0]
	first.ComputeCluster = "cluster-b"
	spec.ControlPlane.Placements = []model.Placement{first, second}
	spec.LoadBalancer.Image.Template = "gantry-node-1.36.3"
	clones := &clonesOf{templates: map[string]string{}}
	applies := func(template string) {
		t.Helper()
		e := w.engine()
		clones.VCenter = e.Builder
		e.Builder = clones
		out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		w.must(err)
		spec = kept(spec, out)
		w.forwards(spec, secrets, 1)
		if of := clones.templates["prod-lb"]; of != template {
			t.Errorf("the load balancer is a clone of %s, want %s", of, template)
		}
		survey, err := w.engine().Reader.Survey(t.Context(), model.SurveyRequest{Cluster: spec.ID})
		w.must(err)
		is := func(h model.Hosting) bool { return h.NodePool == model.LoadBalancerPool }
		if i := slices.IndexFunc(survey.Hosting, is); i < 0 || survey.Hosting[i].ComputeClusterName != "cluster-b" {
			t.Errorf("its VM is where: %+v", survey.Hosting)
		}
	}
	applies("gantry-node-1.36.3")
	node := w.machine(spec, "prod-cp-1")
	if of := clones.templates["prod-cp-1"]; of != "gantry-node-1.37.2" {
		t.Errorf("the node is a clone of %s", of)
	}
	spec.LoadBalancer.Image = model.Image{}
	applies("gantry-node-1.37.2")
	if now := w.machine(spec, "prod-cp-1"); now.Ref != node.Ref {
		t.Error("the node was replaced, too")
	}
}
