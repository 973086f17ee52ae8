package engine_test

import (
	"context"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// A linked clone of an administrator's would lose its disk.
func TestLinkedCloneOfOthersKeepsANodeImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	w.linkByHand(made.Path, "theirs")
	if says := w.notDestroyed(target); !strings.Contains(says, "/dc-1/vm/images/gantry/theirs") {
		t.Errorf("it says %s", says)
	}
	w.must(w.sim.DeleteVM("theirs"))
	w.destroyed(target)
}

// The disks of all VMs are read in one call, with the inventory in another.
func TestUsersOfANodeImageAreReadAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Inventory: simulator.Inventory{OtherVMs: 200}})
	target, _ := w.made(builtImage("echo ready"), holder("golden", "one"))
	vc := w.engine().Reader
	w.sim.ResetCalls()
	found, err := vc.MadeImage(t.Context(), model.MadeImageQuery{ImageIdentity: target.ImageIdentity, Users: true})
	w.must(err)
	if calls := w.sim.Calls(); calls.Total != 2 || found.CheckDeletion() != nil {
		t.Errorf("it took %+v, and finds %+v", calls, found)
	}
	// Plans of several images share what they read.
	w.sim.ResetCalls()
	for range 3 {
		_, err := vc.MadeImage(t.Context(), model.MadeImageQuery{ImageIdentity: target.ImageIdentity, Users: true, MaxAge: time.Minute})
		w.must(err)
	}
	if calls := w.sim.Calls(); calls.Total != 0 {
		t.Errorf("three plans took %+v", calls)
	}
}

// usersRead counts how often it is read what uses an image.
type usersRead struct {
	model.VCenter
	n int
}

func (c *usersRead) MadeImage(ctx context.Context, q model.MadeImageQuery) (*model.MadeImage, error) {
	if q.Users {
		c.n++
	}
	return c.VCenter.MadeImage(ctx, q)
}

// A destruction reads once what uses the image, which is the disks of all VMs.
func TestUsersOfANodeImageAreReadOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, _ := w.made(builtImage("echo ready"), holder("golden", "one"))
	e := w.engine()
	vc := &usersRead{VCenter: e.Reader}
	e.Reader = vc
	_, err := e.DestroyImage(t.Context(), target)
	w.must(err)
	if vc.n != 1 {
		t.Errorf("it was read %d times", vc.n)
	}
	w.noImageTags()
}

// What cannot be judged is told, and nothing is destroyed.
func TestUsersOfANodeImageThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		does func(w *world) error
		says []string
	}{
		"no privilege": {
			func(w *world) error {
				return w.sim.DenyPrivilegeOn(w.sim.Username(), "System.Read", "/dc-1/vm/images/gantry/other")
			},
			[]string{"/dc-1/vm/images/gantry/other", "System.Read"},
		},
		"disconnected":  {func(w *world) error { return w.sim.DisconnectVM("other", false) }, []string{"gantry/other", "disconnected"}},
		"without files": {func(w *world) error { return w.sim.DisconnectVM("other", true) }, []string{"gantry/other", "inaccessible"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			target, _ := w.made(builtImage("echo ready"), holder("golden", "one"))
			w.cloneOther()
			w.must(c.does(w))
			says := w.notDestroyed(target)
			for _, part := range c.says {
				if !strings.Contains(says, part) {
					t.Errorf("it does not say %q: %s", part, says)
				}
			}
			if name == "without files" {
				return
			}
			w.sim.RestorePrivileges()
			w.must(w.sim.DeleteVM("other"))
			w.must(func() error { _, err := w.engine().DestroyImage(t.Context(), target); return err }())
		})
	}
}

// A node that the user does not see at all is known by its address.
func TestHiddenNodeKeepsANodeImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	spec := w.imageSpec(model.Image{Template: made.Path})
	spec.CloneMode = model.CloneFull
	spec, _, _ = w.applied(spec)
	w.must(w.sim.DenyPrivilegeOn(w.sim.Username(), "System.View", "/dc-1/vm/k8s"))
	if says := w.notDestroyed(target); !strings.Contains(says, "the VM of prod-cp-1 with 10.10.183.") {
		t.Errorf("it says %s", says)
	}
	w.sim.RestorePrivileges()
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.destroyed(target)
}

// cloneOther makes a VM beside the images that has nothing to do with them.
func (w *world) cloneOther() {
	w.t.Helper()
	ctx := w.t.Context()
	w.asAdministrator("/dc-1/vm/templates/gantry-node-1.37.2", func(client *govmomi.Client, vm *object.VirtualMachine) {
		finder := find.NewFinder(client.Client)
		folder, err := finder.Folder(ctx, "/dc-1/vm/images/gantry")
		w.must(err)
		pool, err := finder.ResourcePool(ctx, "/dc-1/host/cluster-a/Resources")
		w.must(err)
		at := pool.Reference()
		task, err := vm.Clone(ctx, folder, "other", types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &at}})
		w.must(err)
		w.must(task.Wait(ctx))
	})
}

// A snapshot that others take of the template, such as a backup, makes it no other one: clusters
// stay as they are, and an image that is built of it, too.
func TestSnapshotOfOthersChangesNoNodeImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	_, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	spec, secrets, _ := w.applied(w.imageSpec(model.Image{Template: made.Path}))
	second := model.Built(model.Build{
		Base: model.Image{Template: made.Path}, Scripts: []string{"echo more"}, CPU: 2, MemoryGB: 4,
	}, "images/gantry")
	before, _ := w.made(second, holder("second", "two"))
	w.must(w.sim.SnapshotVM(path.Base(made.Path), "backup"))
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil || len(warnings(p)) > 0 {
		t.Errorf("the steps are %v, the problems %v, the warnings %v", actions(p), p.Problems, p.Warnings)
	}
	after, _ := w.made(second, holder("second", "two"))
	if after.Ref != before.Ref {
		t.Errorf("it was %+v, and is %+v", before, after)
	}
}
