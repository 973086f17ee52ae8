package engine_test

import (
	"context"
	"path"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestVMsMoveWithTheirFolder moves the VMs of a running cluster to another folder, and
// back to the datacenter's own: in one task each time, without touching what runs. What
// Gantry made of the old folder goes once it is empty.
func TestVMsMoveWithTheirFolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 2))
	w.inFolder(spec, "/dc-1/vm/k8s/prod")

	spec.Folder = "teams/shop"
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"move_nodes teams/shop"}) {
		t.Fatalf("planned %v", got)
	}
	w.sim.ResetCalls()
	e := w.engine()
	looked := countLooks(e)
	if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	calls, looks := w.sim.Calls(), looked()
	t.Logf("a move: %d calls and %d looks: %v %v", calls.Total-looks, looks, calls.SOAP, calls.REST)
	if calls.SOAP["MoveIntoFolder_Task"] != 1 || calls.SOAP["PowerOffVM_Task"]+calls.SOAP["ReconfigVM_Task"] > 0 {
		t.Errorf("%v", calls.SOAP)
	}
	w.inFolder(spec, "/dc-1/vm/teams/shop")
	w.madeFolders("teams", "teams/shop")
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("then planned %v", actions(p))
	}

	spec.Folder = ""
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"move_nodes /"}) {
		t.Fatalf("planned %v", got)
	}
	w.applies(spec, secrets)
	w.inFolder(spec, "/dc-1/vm")
	w.madeFolders()
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// A folder that others use stays, with what is in it, and goes with the cluster once it
// is empty.
func TestOldFolderThatOthersUseStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	w.theirVM(spec, "theirs")
	spec.Folder = "k8s/other"
	w.applies(spec, secrets)
	w.inFolder(spec, "/dc-1/vm/k8s/other")
	w.madeFolders("k8s/prod", "k8s/other")
	if vms := w.sim.Leftovers().VMs; !slices.Contains(vms, "/dc-1/vm/k8s/prod/theirs") {
		t.Errorf("the VM of others was moved: %v", vms)
	}
	w.must(w.sim.DeleteVM("theirs"))
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// A folder that was renamed in vCenter, and a configuration that follows, is no step; the
// record follows with the next apply.
func TestVMsThatAreThereAlreadyAreNotMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	w.must(w.sim.MoveVM("prod-cp-1", "/dc-1/vm/k8s/renamed"))
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Fatalf("what others have moved is no change: %v", actions(p))
	}
	spec.Folder = "k8s/renamed"
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Fatalf("planned %v", actions(p))
	}
	w.sim.ResetCalls()
	w.applies(spec, secrets)
	if calls := w.sim.Calls().SOAP; calls["MoveIntoFolder_Task"] > 0 {
		t.Errorf("%v", calls)
	}
	if rec := w.record(); rec.Folder != "k8s/renamed" || len(rec.Folders) > 0 {
		t.Errorf("the record has %q and %q", rec.Folder, rec.Folders)
	}
}

// TestMoveInterrupted kills a move at its vCenter calls and applies again: all VMs are in
// the new folder, and nothing of the old one is left.
func TestMoveInterrupted(t *testing.T) {
	t.Parallel()
	interrupt(t, 8, []disturbance{killed, answerLost, dropped}, func(w *world) {
		spec, secrets, _ := w.applied(w.spec(1, 1))
		spec.Folder = "teams/shop"
		w.sim.ResetCalls()
		w.applies(spec, secrets)
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets, _ := w.applied(w.spec(1, 1))
		spec.Folder = "teams/shop"
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.applies(spec, secrets)
		w.inFolder(spec, "/dc-1/vm/teams/shop")
		w.madeFolders("teams", "teams/shop")
		if p := w.plan(spec, secrets); !p.Empty() {
			t.Errorf("then planned %v", actions(p))
		}
	})
}

// inFolder expects all VMs of a cluster in a folder.
func (w *world) inFolder(spec model.ClusterSpec, folder string) {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	if len(survey.Machines) == 0 {
		w.t.Error("there is no VM")
	}
	for _, m := range survey.Machines {
		if path.Dir(m.Path) != folder || !m.PoweredOn {
			w.t.Errorf("%s is not in %s, or off", m.Path, folder)
		}
	}
}

// madeFolders expects the folders that there are beside those of the site, and the same
// in the record.
func (w *world) madeFolders(paths ...string) {
	w.t.Helper()
	var want []string
	for _, p := range paths {
		want = append(want, "/dc-1/vm/"+p)
	}
	slices.Sort(want)
	left := w.sim.Leftovers().Folders
	slices.Sort(left)
	var recorded []string
	for _, f := range w.record().Folders {
		recorded = append(recorded, f.Path)
		if f.Ref == "" {
			w.t.Errorf("the reference of folder %q is not recorded", f.Path)
		}
	}
	slices.Sort(recorded)
	if !slices.Equal(left, want) || !slices.Equal(recorded, slices.Sorted(slices.Values(paths))) {
		w.t.Errorf("folders %q, recorded %q, want %q", left, recorded, paths)
	}
}

// theirVM makes a VM in the cluster's folder that is not the cluster's.
func (w *world) theirVM(spec model.ClusterSpec, name string) {
	w.t.Helper()
	e := w.engine()
	survey, err := e.Reader.Survey(w.t.Context(), model.SurveyRequest{Names: spec.Names()})
	w.must(err)
	id := uuid.New()
	task, err := e.Builder.Clone(w.t.Context(), model.CloneRequest{
		Name: name, UUID: id.String(), Template: survey.Site.Template, Folder: survey.Site.Folder.Ref,
		Placement: survey.Site.Placements[model.PlacementRef{NodePool: model.ControlPlanePool}],
		MAC:       "00:50:56:0a:0b:0c", CPU: 1, MemoryGB: 1, DiskGB: survey.Site.Template.DiskGB, Mode: model.CloneFull,
		Marker: model.Marker{SchemaVersion: model.MarkerSchema, Cluster: uuid.New(), Node: name, Role: model.RoleWorker, NodePool: "x"},
	})
	w.must(err)
	w.until("the VM is there", func(ctx context.Context) bool {
		res, err := e.Reader.Poll(ctx, model.PollRequest{Tasks: []string{task}})
		return err == nil && res.Tasks[task].Done
	})
}
