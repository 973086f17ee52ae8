package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestRestoreWithLeases restores a cluster that has lost two of three: its load balancer, and
// with it the endpoint, stays, and forwards to the new control plane alone.
func TestRestoreWithLeases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, first := w.applied(w.leasedWithNetwork(3, 2))
	w.writes(secrets, "before")
	from := w.snapshot(secrets)
	w.writes(secrets, "after")
	lb, _ := w.loadBalancer(spec)
	w.must(w.sim.DeleteVM("prod-cp-1"))
	w.must(w.sim.DeleteVM("prod-cp-2"))
	if p := w.plan(spec, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "restore_from_snapshot") {
		t.Errorf("without a snapshot the plan says %v", p.Problems)
	}
	spec = restores(spec, from)
	p := w.plan(spec, secrets)
	want := []string{
		"reset_control_plane prod", "delete_node prod-cp-3", "create_node prod-cp-4", "remove_stale_nodes prod",
		"create_node prod-cp-5", "create_node prod-cp-6", "reconnect_workers prod", "apply_pack net",
	}
	if !slices.Equal(actions(p), want) || p.Err() != nil {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	shown := p.Changes()
	e := w.engine()
	e.Builder = oneEtcd{e.Builder, w, []string{"prod-cp-3"}}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
	w.must(err)
	if !w.remembers(secrets, "before") || w.remembers(secrets, "after") {
		t.Error("the cluster does not have the data of the snapshot")
	}
	spec = kept(spec, out)
	if now, _ := w.loadBalancer(spec); now.Ref != lb.Ref || out.Status.Endpoint != first.Status.Endpoint {
		t.Errorf("the load balancer was %s and is %s, the endpoint %s", lb.Ref, now.Ref, out.Status.Endpoint)
	}
	w.forwards(spec, secrets, 3)
	w.restored(spec, secrets, 0)
}

// TestRecordOfAClusterWithLeasesIsLost writes it anew from the VMs and the API, so that the
// cluster lives on as it was; and destroys one that has lost it.
func TestRecordOfAClusterWithLeasesIsLost(t *testing.T) {
	t.Parallel()
	for name, host := range map[string]string{"by address": "", "by name": "prod.example.com"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			wanted := w.leasedWithNetwork(3, 1)
			wanted.LoadBalancer.HostName = host
			spec, secrets, out := w.applied(wanted)
			before := w.record()
			w.loseRecord(spec)
			if status := w.status(spec, secrets); status.Endpoint != out.Status.Endpoint {
				t.Errorf("without a record the endpoint is %s", status.Endpoint)
			}
			p := w.plan(spec, secrets)
			// The members are recorded with the backends that they are.
			if steps := actions(p); !slices.Equal(steps, []string{"create_record prod", "update_backends prod-lb"}) || p.Err() != nil {
				t.Errorf("planned %v, %v", steps, p.Problems)
			}
			spec = w.again(spec, secrets)
			w.forwards(spec, secrets, 3)
			if after := w.record(); after.LoadBalancer != before.LoadBalancer {
				t.Errorf("the record had %+v and has %+v", before.LoadBalancer, after.LoadBalancer)
			}
			if status := w.status(spec, secrets); status.Endpoint != out.Status.Endpoint {
				t.Errorf("the endpoint is %s", status.Endpoint)
			}
			// What is known of it is as good as before: a member that is lost is replaced.
			w.must(w.sim.DeleteVM("prod-cp-2"))
			w.notReady(secrets, "prod-cp-2")
			spec = w.again(spec, secrets)
			w.forwards(spec, secrets, 3)

			w.loseRecord(spec)
			w.must(w.engine().Destroy(t.Context(), spec.Target()))
			if left := w.sim.Leftovers(); len(left.VMs) > 0 {
				t.Errorf("left %+v", left)
			}
		})
	}
}

// TestWhatIsLeftOfAClusterWithLeases is taken to be destroyed once nothing of it runs: its load
// balancer is a VM of it.
func TestWhatIsLeftOfAClusterWithLeases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.leased(1, 1))
	w.must(w.sim.DeleteVM("prod-cp-1"))
	w.powerOff("prod-general-1")
	var running *engine.RunningError
	if _, err := w.engine().Remains(t.Context(), spec.Ref); !errors.As(err, &running) || len(running.VMs) != 1 ||
		!strings.HasSuffix(running.VMs[0], "/prod-lb") {
		t.Fatalf("while the load balancer runs: %v", err)
	}
	w.powerOff("prod-lb")
	left, err := w.engine().Remains(t.Context(), spec.Ref)
	w.must(err)
	if left.VMs != 2 || left.ID != spec.ID {
		t.Errorf("left %+v", left)
	}
	w.must(w.engine().Destroy(t.Context(), model.Target{Ref: spec.Ref, ID: left.ID, Incarnation: left.Incarnation}))
	w.onlyThePoolIsLeft()
}

// TestAllMachinesWithLeasesAtOnce are reset, as by a host that fails, and come back by
// themselves; or are off, and come back by an apply.
func TestAllMachinesWithLeasesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, out := w.applied(w.leasedWithNetwork(3, 1))
	all := []string{"prod-lb", "prod-cp-1", "prod-cp-2", "prod-cp-3", "prod-general-1"}
	w.powerOff(all...)
	for _, name := range all {
		w.must(w.sim.PowerOnVM(name))
	}
	back := func() {
		t.Helper()
		w.until("all are back", func(ctx context.Context) bool {
			status, facts, err := w.engine().Status(ctx, spec, secrets)
			return err == nil && facts.API.Answered() && status.Health == model.Healthy
		})
		if p := w.plan(spec, secrets); !p.Empty() || len(p.Warnings) > 0 {
			t.Errorf("planned %v, %v", actions(p), p.Warnings)
		}
		w.forwards(spec, secrets, 3)
	}
	back()

	w.powerOff(all...)
	want := []string{
		"restart_load_balancer prod-lb", "power_on_node prod-cp-1", "power_on_node prod-cp-2", "power_on_node prod-cp-3",
		"power_on_node prod-general-1",
	}
	if p := w.plan(spec, secrets); !slices.Equal(actions(p), want) || p.Err() != nil {
		t.Errorf("planned %v, %v", actions(p), p.Problems)
	}
	spec = w.again(spec, secrets)
	back()
	if status := w.status(spec, secrets); status.Endpoint != out.Status.Endpoint {
		t.Errorf("the endpoint was %s and is %s", out.Status.Endpoint, status.Endpoint)
	}
}

// TestControlPlaneOfThreeWithLeasesRolls never has the load balancer forward to a node that
// goes, and keeps the quorum.
func TestControlPlaneOfThreeWithLeasesRolls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, out := w.applied(w.leasedWithNetwork(3, 1))
	spec.ControlPlane.CPU = 4
	want := []string{
		"create_node prod-cp-4", "delete_node prod-cp-1", "create_node prod-cp-5", "delete_node prod-cp-2",
		"create_node prod-cp-6", "delete_node prod-cp-3",
	}
	if p := w.plan(spec, secrets); !slices.Equal(actions(p), want) || p.Err() != nil {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	e := w.engine()
	quorum := w.quorumWitness(e, spec, secrets)
	backends := &backendsWitness{VCenter: e.Builder, w: w, spec: spec}
	e.Builder = backends
	after, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	quorum.kept(t)
	if len(backends.wrong) > 0 {
		t.Errorf("%v", backends.wrong)
	}
	spec = kept(spec, after)
	w.forwards(spec, secrets, 3)
	if members := w.etcdMembers(secrets); !slices.Equal(members, []string{"prod-cp-4", "prod-cp-5", "prod-cp-6"}) {
		t.Errorf("members of etcd %v", members)
	}
	if after.Status.Endpoint != out.Status.Endpoint || after.Status.Health != model.Healthy {
		t.Errorf("%+v", after.Status)
	}
}

// backendsWitness looks at the load balancer whenever a control-plane node is powered off: it
// runs without that one by then.
type backendsWitness struct {
	model.VCenter
	w     *world
	spec  model.ClusterSpec
	wrong []string // steps of a control plane come one after the other
}

func (b *backendsWitness) PowerOff(ctx context.Context, vm string) (string, error) {
	survey, err := b.VCenter.Survey(ctx, model.SurveyRequest{Cluster: b.spec.ID})
	if err != nil {
		return "", err
	}
	var lb, goes model.Machine
	for _, m := range survey.Machines {
		switch {
		case m.Marker.LoadBalancer():
			lb = m
		case m.Ref == vm:
			goes = m
		}
	}
	now, err := b.VCenter.Poll(ctx, model.PollRequest{VMs: []string{lb.Ref}})
	if err != nil {
		return "", err
	}
	applied := strings.Split(now.VMs[lb.Ref].Applied, ",")
	if slices.Contains(applied, goes.Address.String()) || len(applied) < 3 {
		b.wrong = append(b.wrong, goes.Marker.Node+" goes while the load balancer runs with "+strings.Join(applied, ", "))
	}
	return b.VCenter.PowerOff(ctx, vm)
}
