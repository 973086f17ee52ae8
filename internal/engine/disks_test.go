package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// attaching is a vCenter in which a disk is attached to a VM while it is about
// to be destroyed, which makes the destruction fail and be tried again.
type attaching struct {
	model.VCenter
	attach func(vm string)
}

func (v attaching) Destroy(ctx context.Context, vm string) (string, error) {
	v.attach(vm)
	return v.VCenter.Destroy(ctx, vm)
}

// TestNoForeignDiskIsDestroyed attaches a disk to each VM before a destruction,
// and another one between its first try and its second: both files stay.
func TestNoForeignDiskIsDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, out := w.applied(w.spec(1, 1))
	var files []string
	attach := func(name string) {
		file, err := w.sim.AttachDisk(name, 1)
		if err != nil {
			t.Error(err)
		}
		files = append(files, file)
	}
	for _, n := range out.Status.Nodes {
		attach(n.Name)
	}
	if err := w.sim.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Call: "Destroy_Task", Fault: "TaskInProgress"}); err != nil {
		t.Fatal(err)
	}
	e := w.engine()
	e.Parallel = 1 // so that it is the first destruction that is refused
	names := map[string]string{}
	survey, err := e.Reader.Survey(t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	for _, m := range survey.Machines {
		names[m.Ref] = m.Marker.Node
	}
	var once sync.Once
	e.Reader = attaching{e.Reader, func(vm string) { once.Do(func() { attach(names[vm]) }) }}
	if err := e.Destroy(t.Context(), spec.Target()); err != nil {
		t.Fatal(err)
	}
	if lost := w.sim.DestroyedForeignDisks(); len(lost) > 0 {
		t.Errorf("destroyed %v", lost)
	}
	if len(files) != 3 || slices.ContainsFunc(files, func(f string) bool { return !w.sim.DiskExists(f) }) {
		t.Errorf("of %v some are gone", files)
	}
}

// TestNoDiskIsDestroyedWithASnapshot has a backup's snapshot hold a volume: neither a
// smaller pool nor a destruction touches the node until the snapshot is gone.
func TestNoDiskIsDestroyedWithASnapshot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 2))
	const node = "prod-general-2"
	volume, err := w.sim.Attach(node, simulator.Disk{Gigabytes: 1, Mode: types.VirtualDiskModePersistent})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.sim.SnapshotVM(node, "backup"); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), volume) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: %v", what, err)
		}
		for _, g := range w.sim.Guests() {
			if g.Phase != guest.PhaseJoined {
				t.Errorf("%s: %s is %s", what, g.Name, g.Phase)
			}
		}
		if lost := w.sim.DestroyedForeignDisks(); len(lost) > 0 || !w.sim.DiskExists(volume) {
			t.Errorf("%s destroyed %v", what, lost)
		}
	}

	p, err := w.engine().PlanDestroy(t.Context(), spec.Target(), nil)
	if err != nil || p.Err() != nil || p.Empty() || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0].Detail, volume) {
		t.Errorf("plan of a destruction: %v, %v, warnings %v", err, p.Err(), p.Warnings)
	}
	refused("a destruction", w.engine().Destroy(t.Context(), spec.Target()))
	smaller := spec
	smaller.Workers = slices.Clone(spec.Workers)
	smaller.Workers[0].Count = 1
	p = w.plan(smaller, secrets)
	if told := warnings(p); p.Err() != nil || len(told) != 1 || !strings.Contains(told[0].Detail, volume) {
		t.Errorf("plan of a smaller pool: %v, warnings %v", p.Err(), p.Warnings)
	}
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: smaller, Secrets: secrets})
	refused("a smaller pool", err)
	if got := actions(w.plan(spec, secrets)); len(got) > 0 {
		t.Errorf("the node was touched, and a plan repairs it: %v", got)
	}

	if err := w.sim.RemoveSnapshots(node); err != nil {
		t.Fatal(err)
	}
	if err := w.engine().Destroy(t.Context(), spec.Target()); err != nil {
		t.Fatal(err)
	}
	if lost := w.sim.DestroyedForeignDisks(); len(lost) > 0 || !w.sim.DiskExists(volume) {
		t.Errorf("destroyed %v", lost)
	}
}

// TestARecordThatIsGone deletes the record of a running cluster: it is written
// again, and the cluster is not built again.
func TestARecordThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, before := w.applied(w.spec(1, 1))
	e := w.engine()
	tags := e.Ledger
	if err := tags.Unregister(t.Context(), tags.ID(spec.Ref)); err != nil {
		t.Fatal(err)
	}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"create_record prod"}) {
		t.Fatalf("planned %v", got)
	}
	after, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range after.Status.Nodes {
		if n.UUID != before.Status.Nodes[i].UUID {
			t.Errorf("%s is another VM", n.Name)
		}
	}
	if got := actions(w.plan(spec, secrets)); len(got) > 0 {
		t.Errorf("then planned %v", got)
	}
	if err := w.engine().Destroy(t.Context(), spec.Target()); err != nil {
		t.Fatal(err)
	}
	// Which folders were Gantry's only the record knew: they stay.
	if left := w.sim.Leftovers(); len(left.VMs) > 0 || w.claims() > 0 {
		t.Errorf("left behind: %+v", left)
	}
}
