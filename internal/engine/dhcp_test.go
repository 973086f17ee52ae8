package engine_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// leased is spec with nodes that take leases.
func (w *world) leased(controlPlane, workers int) model.ClusterSpec {
	spec := w.spec(controlPlane, workers)
	spec.Allocation = model.AllocationDHCP
	spec.ControlPlane.Placements[0].IPPoolID = uuid.Nil
	for i := range spec.Workers[0].Placements {
		spec.Workers[0].Placements[i].IPPoolID = uuid.Nil
	}
	return spec
}

// loadBalancer is the VM of the load balancer.
func (w *world) loadBalancer(spec model.ClusterSpec) (lb model.Machine, mac string) {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	for _, m := range survey.Machines {
		if m.Marker.LoadBalancer() {
			lb = m
		}
	}
	for address, cards := range survey.NICs {
		if slices.ContainsFunc(cards, func(nic model.NIC) bool { return nic.UUID == lb.UUID }) {
			mac = address
		}
	}
	return lb, mac
}

// forwards fails unless the load balancer forwards to the control plane as it is, and nothing
// is left to be done.
func (w *world) forwards(spec model.ClusterSpec, secrets *model.Secrets, members int) {
	w.t.Helper()
	if steps := actions(w.plan(spec, secrets)); len(steps) > 0 {
		w.t.Errorf("left to be done: %v", steps)
	}
	lb, _ := w.loadBalancer(spec)
	rec := w.recordOf(spec.Ref)
	if got := strings.Split(lb.Backends, ","); len(got) != members || len(rec.Members) != members || lb.Phase != model.PhaseServing {
		w.t.Errorf("backends %q of %s, members %v, want %d", lb.Backends, lb.Phase, rec.Members, members)
	}
	for ordinal, address := range rec.Members {
		if !slices.Contains(strings.Split(lb.Backends, ","), address.String()) {
			w.t.Errorf("member %d at %s is no backend: %s", ordinal, address, lb.Backends)
		}
	}
	if claims := w.claims(); claims > 0 {
		w.t.Errorf("%d addresses are claimed", claims)
	}
}

// TestClusterWithLeasesLives is the life of a cluster whose nodes take leases.
func TestClusterWithLeasesLives(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, out := w.applied(w.leased(1, 1))
	if out.Status.State != model.StateRunning {
		t.Errorf("state %s: %+v", out.Status.State, out.Status.Conditions)
	}
	w.forwards(spec, secrets, 1)
	endpoint := out.Status.Endpoint
	_, mac := w.loadBalancer(spec)

	spec.ControlPlane.Count = 3
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 3)

	spec.ControlPlane.CPU = 4
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 3)

	spec.LoadBalancer.MemoryGB = 4
	if steps := actions(w.plan(spec, secrets)); !slices.Equal(steps, []string{"replace_load_balancer prod-lb"}) {
		t.Errorf("steps %v", steps)
	}
	before, _ := w.loadBalancer(spec)
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 3)
	after, same := w.loadBalancer(spec)
	if same != mac || after.Ref == before.Ref || after.UUID != before.UUID || w.status(spec, secrets).Endpoint != endpoint {
		t.Errorf("MAC address %s and then %s, VM %s and then %s, endpoint %s", mac, same, before.Ref, after.Ref, endpoint)
	}

	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if left := w.sim.Leftovers(); len(left.VMs)+len(left.Folders) > 0 {
		t.Errorf("left %+v", left)
	}
}

// again applies once more, as the next run does.
func (w *world) again(spec model.ClusterSpec, secrets *model.Secrets) model.ClusterSpec {
	w.t.Helper()
	out, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil {
		w.t.Fatal(err)
	}
	return kept(spec, out)
}

func (w *world) status(spec model.ClusterSpec, secrets *model.Secrets) *model.Status {
	w.t.Helper()
	status, _, err := w.engine().Status(w.t.Context(), spec, secrets)
	w.must(err)
	return status
}

// TestLoadBalancerThatGetsAnotherLeaseStopsTheApply says which address is to be reserved, and
// goes on once it is.
func TestLoadBalancerThatGetsAnotherLeaseStopsTheApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, out := w.applied(w.leased(1, 0))
	lb, mac := w.loadBalancer(spec)
	address, _, _ := strings.Cut(out.Status.Endpoint, ":")
	id := strings.TrimPrefix(lb.Ref, "VirtualMachine:")
	w.must(w.sim.ChangeLease(id, netip.Addr{}))

	spec.LoadBalancer.CPU = 4
	e := w.engine()
	e.Timing.APITimeout = time.Hour // which the failure does not wait out
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), mac) ||
		!strings.Contains(err.Error(), "Reserve") {
		t.Fatalf("error %v, want the address %s and %s", err, address, mac)
	}
	lb, _ = w.loadBalancer(spec)
	if other := plan.PresentLease(lb.Address, lb.Lease).String(); other == address || !strings.Contains(err.Error(), "gives it "+other) {
		t.Errorf("error %v, want the address %s that it has got", err, other)
	}
	if w.status(spec, secrets).Endpoint != out.Status.Endpoint {
		t.Errorf("the endpoint was rewritten")
	}
	p := w.plan(spec, secrets)
	if steps := actions(p); !slices.Equal(steps, []string{"restart_load_balancer prod-lb"}) {
		t.Errorf("steps %v", steps)
	}
	w.must(w.sim.ChangeLease(strings.TrimPrefix(lb.Ref, "VirtualMachine:"), netip.MustParseAddr(address)))
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 1)
}

// TestLoadBalancerIsBack brings it back after it was deleted or powered off, and with it the
// API.
func TestLoadBalancerIsBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		harm  func(*world) error
		steps string
	}{
		"deleted": {func(w *world) error { return w.sim.DeleteVM("prod-lb") }, "create_load_balancer prod-lb"},
		"off":     {func(w *world) error { return w.sim.PowerOffVM("prod-lb") }, "restart_load_balancer prod-lb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, secrets, out := w.applied(w.leased(1, 1))
			w.must(c.harm(w))
			if status := w.status(spec, secrets); status.State != model.StateDegraded || status.Endpoint != out.Status.Endpoint {
				t.Errorf("state %s, endpoint %s", status.State, status.Endpoint)
			}
			if steps := actions(w.plan(spec, secrets)); !slices.Equal(steps, []string{c.steps}) {
				t.Errorf("steps %v", steps)
			}
			spec = w.again(spec, secrets)
			w.forwards(spec, secrets, 1)
		})
	}
}

// TestTemplateOfANodeSaysNothingOfItsClones has a template that was made from a node whose guest
// had reported: until a load balancer has a lease of its own, it has none, and with no lease to
// be had it never has.
func TestTemplateOfANodeSaysNothingOfItsClones(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	template := w.leased(1, 0).Image.Template
	for key, value := range map[string]string{"phase": "serving", "address": "10.10.183.9", "backends.applied": "10.10.183.9"} {
		w.must(w.sim.SetVMOption(template, "guestinfo.gantry."+key, value))
	}
	w.sim.LimitLeases("dvpg-nodes", 0)
	e := w.engine()
	e.Timing.BootTimeout = 2 * time.Second
	_, err := e.Apply(t.Context(), engine.Request{Spec: w.leased(1, 0), Secrets: newSecrets(t)})
	if err == nil || !strings.Contains(err.Error(), "that it has a lease") {
		t.Errorf("applied with %v", err)
	}
	if rec := w.record(); rec.LoadBalancer.Address.IsValid() {
		t.Errorf("the endpoint is %s", rec.LoadBalancer.Address)
	}
}

// TestLoadBalancerThatDoesNotForwardIsRestarted has one that is on, whose guest goes on saying
// that it serves. An API server that is asked itself tells it apart from a control plane that
// does not answer.
func TestLoadBalancerThatDoesNotForwardIsRestarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.leased(1, 0))
	w.must(w.sim.CrashPod("prod-cp-1", "kube-apiserver", "it ends"))
	if p := w.plan(spec, secrets); len(actions(p)) > 0 {
		t.Errorf("steps %v while the API server does not run", actions(p))
	}
	w.must(w.sim.PowerOffVM("prod-cp-1"))
	w.must(w.sim.PowerOnVM("prod-cp-1"))
	w.eventually(func() bool {
		_, facts, err := w.engine().Status(t.Context(), spec, secrets)
		return err == nil && facts.API.Answered()
	})
	w.must(w.sim.HangVM("prod-lb"))
	status := w.status(spec, secrets)
	i := slices.IndexFunc(status.Conditions, func(c model.Condition) bool { return c.Type == "LoadBalancerReady" })
	if i < 0 || status.Conditions[i].Reason != "NotForwarding" || status.State != model.StateDegraded {
		t.Errorf("state %s, conditions %+v", status.State, status.Conditions)
	}
	if steps := actions(w.plan(spec, secrets)); !slices.Equal(steps, []string{"restart_load_balancer prod-lb"}) {
		t.Errorf("steps %v", steps)
	}
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 1)
}
