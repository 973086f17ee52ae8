package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// copyTemplate copies a template as an administrator does, who makes the copy a template, too.
func (w *world) copyTemplate(from, name string) {
	w.t.Helper()
	w.cloneByHand(from, name)
	w.asAdministrator(from[:strings.LastIndex(from, "/")+1]+name, func(_ *govmomi.Client, vm *object.VirtualMachine) {
		w.must(vm.MarkAsTemplate(w.t.Context()))
	})
}

// A copy that has the name of what was built is not taken for it: a second resource has the original.
func TestCopyOfANodeImageIsNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	one, made := w.made(image, holder("one", "one"))
	name := made.Path[strings.LastIndex(made.Path, "/")+1:]
	w.must(w.sim.RenameVM(name, "renamed"))
	w.copyTemplate("/dc-1/vm/images/gantry/renamed", name)
	two, second := w.made(image, holder("two", "two"))
	if second.Ref != made.Ref {
		t.Errorf("the second one has %s at %s, and not %s", second.Ref, second.Path, made.Ref)
	}
	w.must(func() error { _, err := w.engine().DestroyImage(t.Context(), one); return err }())
	w.must(func() error { _, err := w.engine().DestroyImage(t.Context(), two); return err }())
	if left := w.imported(); !slices.Equal(left, []string{"/dc-1/vm/images/gantry/" + name}) {
		t.Errorf("left are %v", left)
	}
}

// A copy whose original is gone is neither held nor deleted.
func TestCopyOfANodeImageThatIsGoneIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	one, made := w.made(image, holder("one", "one"))
	w.copyTemplate(made.Path, "theirs")
	w.must(func() error { _, err := w.engine().DestroyImage(t.Context(), one); return err }())
	_, err := w.engine().MakeImage(t.Context(), w.nodeImage(image), holder("two", "two"))
	if err == nil || !strings.Contains(err.Error(), "/dc-1/vm/images/gantry/theirs, which is a copy") {
		t.Errorf("it says %v", err)
	}
	if left := w.imported(); !slices.Equal(left, []string{"/dc-1/vm/images/gantry/theirs"}) {
		t.Errorf("left are %v", left)
	}
	found, err := w.engine().NamedImage(t.Context(), "theirs")
	if err == nil {
		t.Fatalf("it is imported: %+v", found)
	}
}

// Two states may have one name, as those of two workspaces.
func TestNodeImageOfTwoHoldersOfOneName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	prod, _ := w.made(image, holder("golden", "prod"))
	dev, _ := w.made(image, holder("golden", "dev"))
	left, err := w.engine().OtherHolders(t.Context(), dev)
	w.must(err)
	others, err := w.engine().DestroyImage(t.Context(), dev)
	w.must(err)
	if !slices.Equal(others, left) || !slices.Equal(others, []string{"golden (prod)"}) || len(w.imported()) != 1 {
		t.Errorf("others are %v, and left are %v", others, w.imported())
	}
	w.destroyed(prod)
}

// Without a record that can be read it is not known who else holds the image, also after it was
// written anew.
func TestNodeImageWithoutARecordIsNotDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("echo ready")
	one, _ := w.made(image, holder("one", "one"))
	w.made(image, holder("two", "two"))
	w.must(w.engine().Ledger.Unregister(t.Context(), one.RecordID))
	if says := w.notDestroyed(one); !strings.Contains(says, "is not there") || !strings.Contains(says, "delete its template in vCenter") {
		t.Errorf("it says %s", says)
	}
	if err := w.engine().HoldImage(t.Context(), one); err == nil {
		t.Error("it was noted who holds it")
	}
	again, _ := w.made(image, holder("one", "three"))
	if says := w.notDestroyed(again); !strings.Contains(says, "was lost once") {
		t.Errorf("it says %s", says)
	}
}

// What the record does not say that a resource holds is not deleted for it, nor what is another
// template.
func TestNodeImageOfNoHolderIsNotDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, _ := w.made(builtImage("echo ready"), holder("one", "one"))
	body, err := w.engine().Ledger.Record(t.Context(), target.RecordID)
	w.must(err)
	image, err := body.Image()
	w.must(err)
	target.Incarnation = "other"
	others, err := w.engine().DestroyImage(t.Context(), target)
	w.must(err)
	if !slices.Equal(others, []string{"one (one)"}) || !image.Holds("one") {
		t.Errorf("others are %v", others)
	}
	target.Takes = "one"
	w.must(w.engine().HoldImage(t.Context(), target))
	w.destroyed(target)
}

// clonedMeanwhile is a vCenter in which between the look for users and the deletion a linked
// clone is made: the first deletion is refused, as while a template is being cloned.
type clonedMeanwhile struct {
	model.VCenter
	clone func()
	tries int
}

func (c *clonedMeanwhile) Destroy(ctx context.Context, ref string) (string, error) {
	c.tries++
	if c.tries == 1 {
		c.clone()
		return "", busyError{}
	}
	return c.VCenter.Destroy(ctx, ref)
}

type busyError struct{}

func (busyError) Error() string { return "the template is being cloned" }

func (busyError) Transient() bool { return true }

// Each try to delete the template begins with a look for what uses it.
func TestNodeImageThatIsClonedMeanwhileIsNotDestroyed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	e := w.engine()
	vc := &clonedMeanwhile{VCenter: e.Reader, clone: func() { w.linkByHand(made.Path, "theirs") }}
	e.Reader = vc
	e.Timing.RetryBudget = time.Minute // the clone is made within it, on a busy machine, too
	_, err := e.DestroyImage(t.Context(), target)
	if err == nil || !strings.Contains(err.Error(), "/dc-1/vm/images/gantry/theirs") || vc.tries != 1 {
		t.Errorf("after %d tries it says %v", vc.tries, err)
	}
	w.must(w.sim.DeleteVM("theirs"))
	w.destroyed(target)
}

// A snapshot has disks that the VM has no more.
func TestSnapshotOfALinkedCloneKeepsANodeImage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	w.linkByHand(made.Path, "theirs")
	w.must(w.sim.SnapshotVM("theirs", "before"))
	w.asAdministrator("/dc-1/vm/images/gantry/theirs", func(_ *govmomi.Client, vm *object.VirtualMachine) {
		devices, err := vm.Device(t.Context())
		w.must(err)
		w.must(vm.RemoveDevice(t.Context(), true, devices.SelectByType((*types.VirtualDisk)(nil))...))
	})
	if says := w.notDestroyed(target); !strings.Contains(says, "/dc-1/vm/images/gantry/theirs") {
		t.Errorf("it says %s", says)
	}
}

// A VM that is younger than the inventory that was read is known by its disks.
func TestLinkedCloneThatIsYoungerThanTheInventory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	target, made := w.made(builtImage("echo ready"), holder("golden", "one"))
	vc := w.engine().Reader
	query := model.MadeImageQuery{ImageIdentity: target.ImageIdentity, Users: true, MaxAge: time.Hour}
	_, err := vc.MadeImage(t.Context(), model.MadeImageQuery{ImageIdentity: target.ImageIdentity, MaxAge: time.Hour})
	w.must(err)
	w.linkByHand(made.Path, "theirs")
	found, err := vc.MadeImage(t.Context(), query)
	w.must(err)
	if users := found.UserPaths(); len(users) != 1 || !strings.Contains(users[0], "theirs") {
		t.Errorf("the users are %v", users)
	}
}
