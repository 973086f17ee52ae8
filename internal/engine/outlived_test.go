package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// killedWhileCloning runs something that dies once it has started another clone,
// which goes on: it ends a moment after vCenter's clock has been moved past what a
// lock lives.
func (w *world) killedWhileCloning(run func(context.Context, *engine.Engine)) {
	w.t.Helper()
	before := w.sim.Calls().SOAP["CloneVM_Task"]
	dying := w.engine()
	dying.Timing.RetryBudget = 0
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); run(ctx, dying) }()
	for w.sim.Calls().SOAP["CloneVM_Task"] == before || w.sim.ClonesUnderWay() == 0 {
		select {
		case <-done:
			w.t.Fatal("the run ended before it has cloned anything")
		case <-time.After(time.Millisecond):
		}
	}
	w.sim.StopAfter(1)
	cancel()
	<-done
	w.sim.Resume()
	w.sim.AdvanceClock(2 * time.Minute)
}

// outlives is a clone that outlives the run that began it, however its name is taken.
func outlives(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	for name, late := range map[string]bool{"its name is taken from the start": false, "its name is taken at the end": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newWorld(t, simulator.Options{LateNames: late}))
		})
	}
}

// cloneTime is what a clone takes that outlives its run.
const cloneTime = 2*time.Minute + 2*time.Second

// TestCreationGoesOnWhereACloneHasOutlivedItsRun: the creation that follows has other
// authorities, so that it builds the VM anew. There is one VM for each node at the end.
func TestCreationGoesOnWhereACloneHasOutlivedItsRun(t *testing.T) {
	t.Parallel()
	outlives(t, func(t *testing.T, w *world) {
		w.sim.SetCloneDuration(cloneTime)
		w.killedWhileCloning(func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: w.spec(1, 1), Secrets: newSecrets(t)})
		})
		w.sim.SetCloneDuration(0)
		spec, secrets, out := w.applied(w.spec(1, 1))
		if len(out.Status.Nodes) != 2 || len(w.sim.Leftovers().VMs) != 2 {
			t.Errorf("nodes %+v, VMs %v", out.Status.Nodes, w.sim.Leftovers().VMs)
		}
		if again := w.plan(spec, secrets); !again.Empty() {
			t.Errorf("a second plan has the steps %v", actions(again))
		}
	})
}

// TestScaleOutAdoptsACloneThatHasOutlivedItsRun: the apply that follows does what its
// plan shows, and nothing is built twice.
func TestScaleOutAdoptsACloneThatHasOutlivedItsRun(t *testing.T) {
	t.Parallel()
	outlives(t, func(t *testing.T, w *world) {
		spec, secrets, _ := w.applied(w.spec(1, 1))
		spec.Workers[0].Count = 2
		w.sim.SetCloneDuration(cloneTime)
		w.killedWhileCloning(func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.sim.SetCloneDuration(0)
		shown := w.plan(spec, secrets).Changes()
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
		w.must(err)
		if len(out.Status.Nodes) != 3 || out.Status.State != model.StateRunning || len(w.sim.Leftovers().VMs) != 3 {
			t.Errorf("nodes %+v, VMs %v", out.Status.Nodes, w.sim.Leftovers().VMs)
		}
		w.noAddressTwice()
	})
}

// TestNothingIsLeftOfACloneThatHasOutlivedItsRun: a destruction waits for the VM, which
// would be left with an address that is released.
func TestNothingIsLeftOfACloneThatHasOutlivedItsRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 1))
	spec.Workers[0].Count = 2
	w.sim.SetCloneDuration(cloneTime)
	w.killedWhileCloning(func(ctx context.Context, e *engine.Engine) {
		_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	})
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
	if n := w.sim.ClonesUnderWay(); n != 0 {
		t.Errorf("%d clones are under way", n)
	}
}

// TestNothingIsLeftOfACloneWithALease does so where no address is claimed for the VM: a node,
// and the load balancer.
func TestNothingIsLeftOfACloneWithALease(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*model.ClusterSpec){
		"a node":            func(s *model.ClusterSpec) { s.Workers[0].Count = 2 },
		"the load balancer": func(s *model.ClusterSpec) { s.LoadBalancer.CPU = 4 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, secrets, _ := w.applied(w.leased(1, 1))
			change(&spec)
			w.sim.SetCloneDuration(cloneTime)
			w.killedWhileCloning(func(ctx context.Context, e *engine.Engine) {
				_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
			})
			w.must(w.engine().Destroy(t.Context(), spec.Target()))
			n := w.sim.ClonesUnderWay()
			if left := w.sim.Leftovers(); n+len(left.VMs)+len(left.Folders) > 0 {
				t.Errorf("%d clones are under way, left %+v", n, left)
			}
		})
	}
}

// TestScaleOutAdoptsAVMThatWasNotPoweredOn: the run that made it died before. With what
// the spec says now it is adopted, and otherwise cloned again.
func TestScaleOutAdoptsAVMThatWasNotPoweredOn(t *testing.T) {
	t.Parallel()
	for name, cpu := range map[string]int32{"as it is wanted": 2, "with fewer CPUs than are wanted": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, secrets, _ := w.applied(w.spec(1, 0))
			spec.Workers[0].Count = 1
			w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DelayCall, Call: "PowerOnVM_Task", Delay: time.Hour}))
			dying, die := context.WithCancel(t.Context())
			before := w.sim.Calls().SOAP["PowerOnVM_Task"]
			go func() { w.waitCall("PowerOnVM_Task", before+1); w.sim.StopAfter(1); die() }()
			e := w.engine()
			e.Timing.RetryBudget = 0
			_, err := e.Apply(dying, engine.Request{Spec: spec, Secrets: secrets})
			if err == nil {
				t.Fatal("the run was not killed")
			}
			w.sim.Resume()
			w.sim.AdvanceClock(2 * time.Minute)

			spec.Workers[0].CPU = cpu
			clones := w.sim.Calls().SOAP["CloneVM_Task"]
			if got := actions(w.plan(spec, secrets)); len(got) != 1 || got[0] != "create_node prod-general-1" {
				t.Errorf("planned %v", got)
			}
			out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			w.must(err)
			if len(out.Status.Nodes) != 2 || out.Status.State != model.StateRunning {
				t.Errorf("status %+v", out.Status)
			}
			// The first try is refused, since the name is taken.
			if n := w.sim.Calls().SOAP["CloneVM_Task"] - clones; n != 1+int(cpu/4) {
				t.Errorf("%d clones", n)
			}
			if again := w.plan(spec, secrets); !again.Empty() {
				t.Errorf("a second plan has the steps %v", actions(again))
			}
		})
	}
}
