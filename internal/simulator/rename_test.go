package simulator_test

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// An object that is renamed keeps its reference, as whatever type it is, and no two
// siblings have one name.
func TestObjectsAreRenamed(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1")
	source := d.vm(template)
	folder := d.folder("k8s")
	location := d.relocate(inA)
	index := object.NewSearchIndex(d.client.Client)
	for _, c := range []struct{ path, to, taken string }{
		{"/dc-1/network/dvpg-nodes", "dvpg-new", "dvpg-b"},
		{"/dc-1/datastore/shared-1", "shared-new", "local-a"},
		{"/dc-1/host/cluster-a/Resources/gantry", "team", ""},
		{"/dc-1/host/cluster-a", "cluster-new", "cluster-b"},
		{"/dc-1/vm/templates/gantry-node-1.37.2", "node", "gantry-node-1.36.3"},
		{"/dc-1/vm/k8s", "kube", "templates"},
		{"/dc-1", "dc-new", "dc-2"},
	} {
		before, err := index.FindByInventoryPath(d.ctx, c.path)
		d.must(err)
		if before == nil {
			t.Fatalf("no %s", c.path)
		}
		common := object.NewCommon(d.client.Client, before.Reference())
		if c.taken != "" {
			task, err := common.Rename(d.ctx, c.taken)
			d.must(err)
			if err := task.Wait(d.ctx); !isFault[types.DuplicateName](err) {
				t.Errorf("%s as %s: %v", c.path, c.taken, err)
			}
		}
		task, err := common.Rename(d.ctx, c.to)
		d.must(err)
		d.must(task.Wait(d.ctx))
		path := c.path[:strings.LastIndex(c.path, "/")+1] + c.to
		after, err := index.FindByInventoryPath(d.ctx, path)
		d.must(err)
		if after == nil || after.Reference() != before.Reference() {
			t.Errorf("%s is %v, and %s was %v", path, after, c.path, before)
		}
	}
	files := d.properties(vm, "config.files").Config.Files
	if !strings.HasPrefix(files.VmPathName, "[shared-new] ") {
		t.Errorf("files %+v", files)
	}
	// What was renamed can be built with as before.
	d.wait(source.Clone(d.ctx, folder, "n2", types.VirtualMachineCloneSpec{Location: location}))
}
