package engine_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// leasedWithNetwork is leased with a pod network, so that nodes become Ready.
func (w *world) leasedWithNetwork(controlPlane, workers int) model.ClusterSpec {
	spec := w.leased(controlPlane, workers)
	spec.Packs = w.withNetwork(controlPlane, workers).Packs
	return spec
}

// TestControlPlaneNodeWithAnotherLeaseIsReplaced restarts a node of three whose server gives
// it another lease: it is taken out of etcd, and another one is built in its place.
func TestControlPlaneNodeWithAnotherLeaseIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.leasedWithNetwork(3, 1))
	w.must(w.sim.ChangeLease(w.vmID(spec, "prod-general-1"), netip.Addr{}))
	w.must(w.sim.PowerOffVM("prod-general-1"))
	w.must(w.sim.PowerOnVM("prod-general-1"))
	w.must(w.sim.ChangeLease(w.vmID(spec, "prod-cp-2"), netip.Addr{}))
	w.must(w.sim.PowerOffVM("prod-cp-2"))
	w.notReady(secrets, "prod-cp-2")
	w.must(w.sim.PowerOnVM("prod-cp-2"))
	w.until("the lease of prod-cp-2 is reported", func(context.Context) bool {
		m := w.machine(spec, "prod-cp-2")
		return m.LeaseChanged()
	})

	p := w.plan(spec, secrets)
	steps := actions(p)
	if !slices.Contains(steps, "create_node prod-cp-4") || !slices.Contains(steps, "delete_node prod-cp-2") || len(steps) != 2 {
		t.Errorf("steps %v", steps)
	}
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 3)
	if members := w.etcdMembers(secrets); !slices.Equal(members, []string{"prod-cp-1", "prod-cp-3", "prod-cp-4"}) {
		t.Errorf("members of etcd %v", members)
	}
}

// TestLostMemberWithLeasesIsReplaced deletes the VM of a control-plane node, and its node
// object, as a cloud provider does: the record says that it was a member of etcd.
func TestLostMemberWithLeasesIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.leasedWithNetwork(3, 0))
	w.must(w.sim.DeleteVM("prod-cp-3"))
	w.notReady(secrets, "prod-cp-3")
	w.must(w.administrator(secrets).DeleteNode(t.Context(), "prod-cp-3"))
	if steps := actions(w.plan(spec, secrets)); !slices.Equal(steps, []string{"remove_lost_node prod-cp-3", "create_node prod-cp-4"}) {
		t.Errorf("steps %v", steps)
	}
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 3)
	w.etcdMembers(secrets)
}

// TestImportOfAClusterWithLeases issues a kubeconfig for where the record says that the load
// balancer is.
func TestImportOfAClusterWithLeases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	wanted := w.leased(1, 0)
	wanted.LoadBalancer.HostName = "prod.example.com"
	spec, secrets, out := w.applied(wanted)
	if out.Status.Endpoint != "prod.example.com:6443" {
		t.Errorf("endpoint %s", out.Status.Endpoint)
	}
	w.forwards(spec, secrets, 1)
	found, err := w.engine().Import(t.Context(), engine.ImportRequest{Ref: spec.Ref, Kubeconfig: secrets.Kubeconfig})
	w.must(err)
	if !strings.Contains(string(found.Secrets.Kubeconfig), "https://prod.example.com:6443") || found.ID != spec.ID {
		t.Errorf("imported %s", found.ID)
	}
	// What is reached by a name may have another lease.
	lb, _ := w.loadBalancer(spec)
	w.must(w.sim.ChangeLease(strings.TrimPrefix(lb.Ref, "VirtualMachine:"), netip.Addr{}))
	spec.LoadBalancer.CPU = 4
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 1)
	if now, _ := w.loadBalancer(spec); now.Address == lb.Address {
		t.Errorf("the lease is still %s", now.Address)
	}
}

// TestGatewayWithLeasesIsReset builds the control plane anew behind the load balancer that
// there is.
func TestGatewayWithLeasesIsReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, out := w.applied(w.leased(1, 0))
	spec.Reset = "r1"
	want := []string{"reset_control_plane prod", "delete_node prod-cp-1", "create_node prod-cp-2"}
	if steps := actions(w.plan(spec, secrets)); !slices.Equal(steps, want) {
		t.Errorf("steps %v", steps)
	}
	spec = w.again(spec, secrets)
	w.forwards(spec, secrets, 1)
	if w.status(spec, secrets).Endpoint != out.Status.Endpoint {
		t.Error("the endpoint has moved")
	}
}

// machine is the VM of a node.
func (w *world) machine(spec model.ClusterSpec, node string) model.Machine {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	i := slices.IndexFunc(survey.Machines, func(m model.Machine) bool { return m.Marker.Node == node })
	if i < 0 {
		w.t.Fatalf("no VM of %s", node)
	}
	return survey.Machines[i]
}

func (w *world) vmID(spec model.ClusterSpec, node string) string {
	w.t.Helper()
	return strings.TrimPrefix(w.machine(spec, node).Ref, "VirtualMachine:")
}

// TestLeasesInterrupted kills a creation, a roll with a new load balancer, and a destruction of
// a cluster whose nodes take leases, and goes on.
func TestLeasesInterrupted(t *testing.T) {
	t.Parallel()
	life := func(w *world) {
		spec, secrets, _ := w.applied(w.leased(1, 1))
		w.sim.ResetCalls()
		spec.ControlPlane.CPU = 4
		spec.LoadBalancer.CPU = 4
		w.again(spec, secrets)
	}
	t.Run("create", func(t *testing.T) {
		interrupt(t, 9, disturbances, func(w *world) {
			w.sim.ResetCalls()
			w.applied(w.leased(1, 1))
		}, func(t *testing.T, k int, d disturbance) {
			w := d.world(t)
			w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
				_, _ = e.Apply(ctx, engine.Request{Spec: w.leased(1, 1), Secrets: newSecrets(t)})
			})
			spec, secrets := w.leased(1, 1), newSecrets(t)
			out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			if err != nil {
				if slices.Contains(kills, d) && w.record().CreationComplete && strings.Contains(err.Error(), "import") {
					return // the state would have held it
				}
				t.Fatal(err)
			}
			spec = kept(spec, out)
			w.forwards(spec, secrets, 1)
			if vms := w.sim.Leftovers().VMs; len(vms) != 3 {
				t.Errorf("VMs %v", vms)
			}
		})
	})
	t.Run("roll", func(t *testing.T) {
		interrupt(t, 9, disturbances, life, func(t *testing.T, k int, d disturbance) {
			w := d.world(t)
			spec, secrets, _ := w.applied(w.leased(1, 1))
			spec.ControlPlane.CPU = 4
			spec.LoadBalancer.CPU = 4
			w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
				_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
			})
			spec = w.again(spec, secrets)
			if len(actions(w.plan(spec, secrets))) > 0 {
				spec = w.again(spec, secrets) // what had to be judged once the API answered
			}
			w.forwards(spec, secrets, 1)
			w.etcdMembers(secrets)
		})
	})
	t.Run("destroy", func(t *testing.T) {
		interrupt(t, 7, disturbances, func(w *world) {
			spec, _, _ := w.applied(w.leased(1, 1))
			w.sim.ResetCalls()
			w.must(w.engine().Destroy(w.t.Context(), spec.Target()))
		}, func(t *testing.T, k int, d disturbance) {
			w := d.world(t)
			spec, _, _ := w.applied(w.leased(1, 1))
			w.disturb(d, k, func(ctx context.Context, e *engine.Engine) { _ = e.Destroy(ctx, spec.Target()) })
			w.must(w.engine().Destroy(t.Context(), spec.Target()))
			if left := w.sim.Leftovers(); len(left.VMs)+len(left.Folders) > 0 {
				t.Errorf("left %+v", left)
			}
		})
	})
}

// TestRestoreWithLeasesIsGivenUp has a restore that failed while the VM of the control plane was
// not in the inventory. It is back, and the load balancer forwards to it: the cluster goes on
// with it.
func TestRestoreWithLeasesIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.leasedWithNetwork(1, 1))
	from := w.snapshot(secrets)
	w.writes(secrets, "after")
	w.powerOff("prod-cp-1")
	from.SHA256 = strings.Repeat("a", 64) // not that of the file
	e := w.engine()
	e.Reader = without{e.Reader, "prod-cp-1"}
	asked := restores(spec, from)
	out, err := e.Apply(t.Context(), engine.Request{Spec: asked, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "sha256") {
		t.Fatalf("applied with %v", err)
	}
	spec = kept(spec, out)
	if p := w.plan(kept(asked, out), secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "Power them on") {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
	w.must(w.sim.PowerOnVM("prod-cp-1"))
	w.eventually(func() bool {
		_, facts, err := w.engine().Status(t.Context(), spec, secrets)
		return err == nil && facts.API.Answered()
	})
	spec = kept(spec, w.applies(spec, secrets))
	if !w.remembers(secrets, "after") {
		t.Error("the cluster does not go on with what it had")
	}
	w.forwards(spec, secrets, 1)
	w.restored(spec, secrets, 0)
}
