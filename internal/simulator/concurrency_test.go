package simulator_test

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Readers of the whole inventory run beside everything that changes it. The
// race detector is what this test is for.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	d := start(t, withLedger, withControl)
	m := d.tagManager()
	category, err := m.GetCategory(d.ctx, "gantry")
	d.must(err)
	location := d.relocate(inA)
	source := d.vm(template)
	folder := d.folder("k8s")

	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for w := range 3 {
		writers.Go(func() {
			for i := range 4 {
				name := fmt.Sprintf("n-%d-%d", w, i)
				sub, err := folder.CreateFolder(d.ctx, name)
				if err != nil {
					t.Error(err)
					return
				}
				task, err := source.Clone(d.ctx, sub, name,
					types.VirtualMachineCloneSpec{Location: location, PowerOn: true, Config: &types.VirtualMachineConfigSpec{}})
				if err != nil {
					t.Error(err)
					return
				}
				info, err := task.WaitForResult(d.ctx)
				if err != nil {
					t.Error(err)
					return
				}
				vm := object.NewVirtualMachine(d.client.Client, info.Result.(types.ManagedObjectReference))
				for _, act := range []func() (*object.Task, error){
					func() (*object.Task, error) {
						return vm.Reconfigure(d.ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{option("guestinfo.userdata", "")}})
					},
					func() (*object.Task, error) { return vm.PowerOff(d.ctx) },
					func() (*object.Task, error) { return sub.Destroy(d.ctx) },
				} {
					task, err := act()
					check(err)
					if err == nil {
						check(task.Wait(d.ctx))
					}
				}
				id, err := m.CreateTag(d.ctx, &tags.Tag{Name: name, CategoryID: category.ID})
				check(err)
				check(m.DeleteTag(d.ctx, &tags.Tag{ID: id}))
			}
		})
	}
	read := func(do func()) {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					do()
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	collector := property.DefaultCollector(d.client.Client)
	read(func() {
		v, err := view.NewManager(d.client.Client).CreateContainerView(d.ctx,
			d.client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
		if err != nil {
			t.Error(err)
			return
		}
		var vms []mo.VirtualMachine
		check(v.Retrieve(d.ctx, []string{"VirtualMachine"}, []string{"name", "config", "guest", "runtime"}, &vms))
		check(v.Destroy(d.ctx))
	})
	read(func() {
		_, err := find.NewFinder(d.client.Client).ManagedObjectListChildren(d.ctx, "/dc-1/vm/...")
		if err != nil && !isFault[types.ManagedObjectNotFound](err) {
			t.Error(err)
		}
	})
	read(func() {
		_, err := object.NewSearchIndex(d.client.Client).FindByInventoryPath(d.ctx, "/dc-1/host/cluster-a/Resources/gantry")
		check(err)
		_, err = object.NewSearchIndex(d.client.Client).FindAllByUuid(d.ctx, nil,
			"9a3b7c1e-5d2f-4e6a-8b9c-0d1e2f3a4b5c", true, types.NewBool(true))
		check(err)
	})
	read(func() {
		var stores []mo.Datastore
		ds := location.Datastore
		check(collector.Retrieve(d.ctx, []types.ManagedObjectReference{*ds}, []string{"summary", "vm"}, &stores))
		var clusters []mo.ClusterComputeResource
		cluster, err := d.finder.ClusterComputeResource(d.ctx, "cluster-a")
		check(err)
		check(collector.Retrieve(d.ctx, []types.ManagedObjectReference{cluster.Reference()}, nil, &clusters))
	})
	read(func() { d.State(); d.Leftovers() })
	read(func() {
		c := rest.NewClient(d.client.Client)
		check(c.Login(d.ctx, url.UserPassword(d.Username(), d.Password())))
		check(c.Logout(d.ctx))
		other := d.login(d.Username(), d.Password())
		check(other.Logout(d.ctx))
	})
	writers.Wait()
	close(done)
	readers.Wait()
	if left := d.Leftovers(); !left.Empty() {
		t.Errorf("leftovers %+v", left)
	}
}
