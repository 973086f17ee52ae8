package engine_test

import (
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// asAdministrator runs do with a client of its own and the VM or template of a path.
func (w *world) asAdministrator(path string, do func(client *govmomi.Client, vm *object.VirtualMachine)) {
	w.t.Helper()
	u, err := soap.ParseURL(w.sim.URL())
	w.must(err)
	u.User = url.UserPassword(w.sim.Username(), w.sim.Password())
	client, err := govmomi.NewClient(w.t.Context(), u, true)
	w.must(err)
	defer func() { _ = client.Logout(w.t.Context()) }()
	vm, err := find.NewFinder(client.Client).VirtualMachine(w.t.Context(), path)
	w.must(err)
	do(client, vm)
}

// cloneByHand clones a VM or template into its folder. It is none of Gantry's.
func (w *world) cloneByHand(from, name string) { w.copyByHand(from, name, false) }

// linkByHand makes a linked clone.
func (w *world) linkByHand(from, name string) { w.copyByHand(from, name, true) }

func (w *world) copyByHand(from, name string, linked bool) {
	w.t.Helper()
	ctx := w.t.Context()
	w.asAdministrator(from, func(client *govmomi.Client, vm *object.VirtualMachine) {
		finder := find.NewFinder(client.Client)
		folder, err := finder.Folder(ctx, path.Dir(from))
		w.must(err)
		pool, err := finder.ResourcePool(ctx, "/dc-1/host/cluster-a/Resources")
		w.must(err)
		at := pool.Reference()
		spec := types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &at}}
		if linked {
			var have mo.VirtualMachine
			w.must(vm.Properties(ctx, vm.Reference(), []string{"snapshot"}, &have))
			spec.Snapshot = have.Snapshot.CurrentSnapshot
			spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
		}
		task, err := vm.Clone(ctx, folder, name, spec)
		w.must(err)
		w.must(task.Wait(ctx))
	})
}

// isImage reports whether the VM of a path is a template or has a snapshot.
func (w *world) isImage(path string) (image bool) {
	w.t.Helper()
	w.asAdministrator(path, func(_ *govmomi.Client, vm *object.VirtualMachine) {
		var p mo.VirtualMachine
		w.must(vm.Properties(w.t.Context(), vm.Reference(), []string{"config.template", "snapshot"}, &p))
		image = p.Config.Template || p.Snapshot != nil
	})
	return image
}

// An administrator's clone of the template keeps its marker: it is no import to go on with,
// whatever its name.
func TestCloneOfAnImageIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{})
	spec := w.imageSpec(image)
	spec.CloneMode = model.CloneFull
	spec, secrets, _ := w.applied(spec)
	w.cloneByHand("/dc-1/vm/images/gantry/"+image.Template, "debug")
	w.must(w.sim.DeleteVM(image.Template))
	spec.Workers[0].Count = 2
	p := w.plan(spec, secrets)
	w.must(p.Err())
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: changesOf(p)})
	w.must(err)
	want := []string{"/dc-1/vm/images/gantry/debug", "/dc-1/vm/images/gantry/" + image.Template}
	if got := w.imported(); !slices.Equal(got, want) || len(server.Requests()) != 2 {
		t.Errorf("there are %v, want %v, and the OVA was asked for %d times", got, want, len(server.Requests()))
	}
	if w.isImage(want[0]) || !w.isImage(want[1]) {
		t.Error("the clone, and not the image, is a template or has a snapshot")
	}

	w.must(w.sim.DeleteVM(image.Template))
	w.must(w.sim.RenameVM("debug", image.Template))
	spec.Workers[0].Count = 3
	p = w.plan(spec, secrets)
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Summary, "is taken") {
		t.Errorf("with the name of the image, the problems are %v", p.Problems)
	}
}
