package simulator_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// A move goes one machine after the other, and ends at the first that it cannot move.
func TestMoveIntoFolderEndsAtTheFirstThatItCannotMove(t *testing.T) {
	t.Parallel()
	d := start(t)
	folder, err := d.folder("k8s").CreateFolder(d.ctx, "c1")
	d.must(err)
	one, two, three := d.mustClone("n1"), d.mustClone("n2"), d.mustClone("n3")
	d.wait(folder.MoveInto(d.ctx, []types.ManagedObjectReference{two.Reference()}))

	task, err := folder.MoveInto(d.ctx, []types.ManagedObjectReference{one.Reference(), two.Reference(), three.Reference()})
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.DuplicateName](err) {
		t.Errorf("a machine that is there already: %v", err)
	}
	for vm, moved := range map[*object.VirtualMachine]bool{one: true, two: true, three: false} {
		if got := *d.properties(vm, "parent").Parent == folder.Reference(); got != moved {
			t.Errorf("%s is in the folder: %v", d.properties(vm, "name").Name, got)
		}
	}
}

// The privilege is needed on what is moved, where it comes from, and where it goes.
func TestMoveIntoFolderNeedsItsPrivilegeOnAllThree(t *testing.T) {
	t.Parallel()
	d := start(t, withTeam)
	into, err := d.folder("k8s").CreateFolder(d.ctx, "c1")
	d.must(err)
	below, err := d.folder("k8s").CreateFolder(d.ctx, "c2")
	d.must(err)
	vm := d.mustClone("n1")
	d.must(d.MoveVM("n1", "/dc-1/vm/from"))
	client := d.login(team, "secret")
	folder := object.NewFolder(client.Client, into.Reference())
	for _, denied := range []string{"/dc-1/vm/from/n1", "/dc-1/vm/from", "/dc-1/vm/k8s/c1"} {
		d.must(d.DenyPrivilegeOn(team, "VirtualMachine.Inventory.Move", denied))
		if _, err := folder.MoveInto(d.ctx, []types.ManagedObjectReference{vm.Reference()}); !isFault[types.NoPermission](err) {
			t.Errorf("denied on %s: %v", denied, err)
		}
		d.RestorePrivileges()
	}
	d.must(d.DenyPrivilegeOn(team, "Folder.Move", "/dc-1/vm"))
	d.wait(folder.MoveInto(d.ctx, []types.ManagedObjectReference{vm.Reference()}))
	if _, err := folder.MoveInto(d.ctx, []types.ManagedObjectReference{below.Reference()}); !isFault[types.NoPermission](err) {
		t.Errorf("a folder: %v", err)
	}
}
