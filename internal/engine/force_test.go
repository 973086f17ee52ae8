package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const forceAfter = 15 * time.Minute

// disconnected are hosts that vCenter does not reach.
var disconnected = simulator.Fault{Kind: simulator.FailTask, Call: "PowerOffVM_Task", Times: -1, Fault: "HostNotConnected"}

// stuck keeps a VM from being powered off, for ever.
func (w *world) stuck(name string) {
	w.t.Helper()
	w.must(w.sim.DenyPrivilegeOn(w.sim.Username(), "VirtualMachine.Interact.PowerOff", "/dc-1/vm/k8s/prod/"+name))
}

// left are the names of the VMs that are left, and of whose claims are.
func (w *world) left(spec model.ClusterSpec) (vms, owners []string) {
	w.t.Helper()
	for _, path := range w.sim.Leftovers().VMs {
		vms = append(vms, path[strings.LastIndex(path, "/")+1:])
	}
	entries, err := w.engine().Ledger.Entries(w.t.Context())
	w.must(err)
	for _, e := range entries {
		if e.Kind == ledger.EntryClaim && e.Owner.Cluster == spec.ID {
			owners = append(owners, e.Owner.Node)
		}
	}
	slices.Sort(owners)
	return vms, owners
}

// registered reports whether there is a record of the cluster.
func (w *world) registered(spec model.ClusterSpec) bool {
	w.t.Helper()
	tags := w.engine().Ledger
	_, err := tags.Record(w.t.Context(), tags.ID(spec.Ref))
	if !errors.Is(err, ledger.ErrNotFound) {
		w.must(err)
	}
	return err == nil
}

// One VM that cannot be deleted keeps no other from it; what is left is in the error.
func TestDestroyGoesOnPastAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.spec(1, 2))
	w.stuck("prod-general-1")
	err := w.engine().Destroy(t.Context(), spec.Target())
	vms, owners := w.left(spec)
	if err == nil || !slices.Equal(vms, []string{"prod-general-1"}) || len(owners) != 3 || !w.registered(spec) {
		t.Errorf("%v; left are %v and the claims of %v", err, vms, owners)
	}
	for _, want := range []string{"VirtualMachine.Interact.PowerOff", `Left are these VMs of cluster "prod": prod-general-1 (vm-`,
		"(prod-general-1)", "destroy again"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	w.sim.RestorePrivileges()
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// TestForceDestroy leaves VMs that cannot be deleted, with the addresses that they may
// use, once nothing has become less for the time, and not before.
func TestForceDestroy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault      func(*world)
		vms, holds []string
		says       string
	}{
		"a worker cannot be powered off": {
			func(w *world) { w.stuck("prod-general-1") }, []string{"prod-general-1"}, []string{"prod-general-1"}, "Interact.PowerOff",
		},
		"a permission is lost": {
			func(w *world) { w.disappear("prod-cp-1") },
			[]string{"prod-cp-1"}, []string{"extra", "prod-cp-1", "vip"}, "System.View",
		},
		"the hosts are disconnected": {
			func(w *world) {
				w.must(w.sim.AddFault(disconnected))
			},
			[]string{"prod-cp-1", "prod-general-1"}, []string{"extra", "prod-cp-1", "prod-general-1", "vip"}, "prod-general-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, _, _ := w.applied(w.spec(1, 1))
			c.fault(w)
			started := w.sim.Now()
			w.timeFlies(20 * time.Second)
			left, err := w.engine().ForceDestroy(t.Context(), spec.Target(), forceAfter)
			w.must(err)
			if took := w.sim.Now().Sub(started); took < forceAfter {
				t.Errorf("it was forced after %s", took)
			}
			vms, owners := w.left(spec)
			if !slices.Equal(vms, c.vms) || !slices.Equal(owners, c.holds) || w.registered(spec) {
				t.Errorf("left are %v and the claims of %v, registered: %v", vms, owners, w.registered(spec))
			}
			if !strings.Contains(left, c.vms[0]) || !strings.Contains(left, c.says) || !strings.Contains(left, "("+c.vms[0]+")") {
				t.Errorf("it says %q", left)
			}
		})
	}
}

// A gateway's record and inline pool stay with a VM that is left, so that its address is not
// handed out; once the VM is gone, another destruction deletes all of it.
func TestForceDestroyOfAGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.gateway("dc1", "10.10.184.1", "10.10.184.20"))
	const vm = "/dc-1/vm/k8s/dc1/dc1-cp-1"
	w.must(w.sim.DenyPrivilegeOn(w.sim.Username(), "VirtualMachine.Interact.PowerOff", vm))
	w.timeFlies(20 * time.Second)
	left, err := w.engine().ForceDestroy(t.Context(), spec.Target(), forceAfter)
	w.must(err)
	tags := w.engine().Ledger
	_, poolErr := tags.Record(t.Context(), spec.ControlPlane.Placements[0].IPPoolID)
	if _, owners := w.left(spec); len(owners) != 3 || !w.registered(spec) || poolErr != nil {
		t.Errorf("left are the claims of %v, registered: %v, the pool: %v", owners, w.registered(spec), poolErr)
	}
	for _, want := range []string{
		"dc1-cp-1 (", `the record of the gateway and its IP pool "own"`, `the VM folder "k8s/dc1" (it is not empty)`,
	} {
		if !strings.Contains(left, want) {
			t.Errorf("%q is not in %q", want, left)
		}
	}
	w.sim.RestorePrivileges()
	w.must(w.sim.DeleteVM("dc1-cp-1"))
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// Snapshots and folders that cannot be deleted are left, too, and named; without a VM that
// is left, the record goes.
func TestForceDestroyNamesWhatElseIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.spec(1, 0))
	w.storedSnapshot(spec)
	w.must(w.sim.DenyPrivilegeOn(w.sim.Username(), "Datastore.FileManagement", "/dc-1/datastore/shared-1"))
	w.must(w.sim.DenyPrivilegeOn(w.sim.Username(), "Folder.Delete", "/dc-1/vm/k8s/prod"))
	w.timeFlies(20 * time.Second)
	left, err := w.engine().ForceDestroy(t.Context(), spec.Target(), forceAfter)
	w.must(err)
	if vms, owners := w.left(spec); len(vms)+len(owners) > 0 || w.registered(spec) {
		t.Errorf("left are %v and the claims of %v, registered: %v", vms, owners, w.registered(spec))
	}
	for _, want := range []string{`Left of cluster "prod"`, `[shared-1] gantry-prod`, `the VM folder "k8s/prod" (`, "Folder.Delete"} {
		if !strings.Contains(left, want) {
			t.Errorf("%q is not in %q", want, left)
		}
	}
	if strings.Contains(left, "these VMs") {
		t.Errorf("it speaks of VMs: %q", left)
	}
}

// storedSnapshot puts a snapshot of etcd onto the datastore, as a roll of the control
// plane does.
func (w *world) storedSnapshot(spec model.ClusterSpec) {
	w.t.Helper()
	e := w.engine()
	site, err := e.Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID, Names: spec.Names()})
	w.must(err)
	datastore := site.Site.Placements[model.PlacementRef{NodePool: model.ControlPlanePool}].Datastore
	in := model.DatastoreFolder{Datacenter: site.Site.Datacenter, Datastore: datastore, Name: "gantry-prod"}
	file := "prod-" + spec.ID.String()[:8] + "-1.db"
	w.must(e.Reader.StoreFile(w.t.Context(), in, file, func(to io.Writer) error {
		_, err := io.WriteString(to, "snapshot")
		return err
	}))
	body := w.record()
	body.Snapshots = []string{datastore}
	raw, err := json.Marshal(body)
	w.must(err)
	w.must(e.Ledger.UpdateRecord(w.t.Context(), e.Ledger.ID(spec.Ref), raw))
}

// A destruction that ends as any other leaves nothing, whether it may be forced or not.
func TestForceDestroyOfWhatCanBeDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.spec(1, 1))
	left, err := w.engine().ForceDestroy(t.Context(), spec.Target(), forceAfter)
	if err != nil || left != "" {
		t.Errorf("%q, %v", left, err)
	}
	w.onlyThePoolIsLeft()
}

// A second run goes on counting, and tries once more before it leaves anything. An apply
// in between begins anew.
func TestForceDestroyGoesOnCounting(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{false, true} {
		w := newWorld(t, simulator.Options{})
		spec, secrets, _ := w.applied(w.spec(1, 1))
		run := func(looks int) (string, error) {
			w.must(w.sim.AddFault(disconnected))
			defer w.sim.ClearFaults()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			e := w.engine()
			e.Timing.RetryBudget = 100 * time.Millisecond
			e.Reader = &looking{VCenter: e.Reader, left: looks, cancel: cancel}
			return e.ForceDestroy(ctx, spec.Target(), forceAfter)
		}
		left, err := run(3)
		if err == nil || left != "" || !w.registered(spec) {
			t.Fatalf("the first run left %q: %v", left, err)
		}
		w.sim.AdvanceClock(forceAfter)
		if applied {
			_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			w.must(err)
		}
		left, err = run(4)
		if forced := err == nil && strings.Contains(left, "prod-general-1"); forced == applied {
			t.Errorf("applied: %v: the second run left %q: %v", applied, left, err)
		}
	}
}

// looking cancels a run when it looks for the last time.
type looking struct {
	model.VCenter
	left   int
	cancel func()
}

func (l *looking) Survey(ctx context.Context, req model.SurveyRequest) (*model.Survey, error) {
	if l.left--; l.left == 0 {
		l.cancel()
	}
	return l.VCenter.Survey(ctx, req)
}

// A run that vCenter does not answer leaves nothing.
func TestForceDestroyIsNotForcedWithoutVCenter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.spec(1, 1))
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DropBefore, Call: "PowerOffVM_Task", Times: -1}))
	w.timeFlies(time.Minute)
	e := w.engine()
	e.Timing.RetryBudget = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if left, err := e.ForceDestroy(ctx, spec.Target(), forceAfter); err == nil || left != "" || !w.registered(spec) {
		t.Errorf("it left %q: %v", left, err)
	}
}

// TestForceDestroyInterrupted kills a destruction that is forced at its vCenter calls and
// does it again: the VM that cannot be deleted is left with its address, and nothing else.
func TestForceDestroyInterrupted(t *testing.T) {
	t.Parallel()
	force := func(ctx context.Context, e *engine.Engine, spec model.ClusterSpec) error {
		_, err := e.ForceDestroy(ctx, spec.Target(), 2*time.Minute)
		return err
	}
	interrupt(t, 16, []disturbance{killed, answerLost, dropped}, func(w *world) {
		spec, _, _ := w.applied(w.spec(1, 1))
		w.stuck("prod-general-1")
		w.timeFlies(20 * time.Second)
		w.sim.ResetCalls()
		w.must(force(w.t.Context(), w.engine(), spec))
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, _, _ := w.applied(w.spec(1, 1))
		w.stuck("prod-general-1")
		w.timeFlies(20 * time.Second)
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) { _ = force(ctx, e, spec) })
		w.must(force(t.Context(), w.engine(), spec))
		vms, owners := w.left(spec)
		if !slices.Equal(vms, []string{"prod-general-1"}) || !slices.Equal(owners, []string{"prod-general-1"}) || w.registered(spec) {
			t.Errorf("left are %v and the claims of %v, registered: %v", vms, owners, w.registered(spec))
		}
	})
}

// A creation that is aborted while its clone hangs can be destroyed by force: the address
// of the VM that the clone may still make stays claimed.
func TestForceDestroyAbortsACreation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.sim.SetCloneDuration(24 * time.Hour)
	ctx, abort := context.WithCancel(t.Context())
	aborted := make(chan struct{})
	go func() {
		defer close(aborted)
		_, _ = w.engine().Apply(ctx, engine.Request{Spec: w.spec(1, 0), Secrets: newSecrets(t)})
	}()
	w.until("the clone is under way", func(context.Context) bool { return w.sim.Calls().SOAP["CloneVM_Task"] > 0 })
	abort()
	<-aborted
	spec := w.spec(1, 0)
	body := w.record()
	spec.ID, spec.Incarnation = body.ID, body.Incarnation
	w.timeFlies(20 * time.Second)
	left, err := w.engine().ForceDestroy(t.Context(), spec.Target(), forceAfter)
	w.must(err)
	_, owners := w.left(spec)
	if !slices.Equal(owners, []string{"extra", "prod-cp-1", "vip"}) || w.registered(spec) || !strings.Contains(left, "prod-cp-1 (") {
		t.Errorf("left are the claims of %v, registered: %v; it says %q", owners, w.registered(spec), left)
	}
}
