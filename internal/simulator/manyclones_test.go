package simulator_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Not parallel: it measures time.
func TestManyClonesAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("200 clones are not made with -short")
	}
	d := start(t)
	const n = 200
	pool, folder, source := d.relocate(inA), d.folder("k8s"), d.vm(template)
	other := d.vm("templates/gantry-node-1.36.3")
	began := time.Now()
	var wg sync.WaitGroup
	work := make(chan int)
	for range 16 {
		wg.Go(func() {
			for i := range work {
				from := source
				if i%2 == 0 {
					from = other
				}
				task, err := from.Clone(d.ctx, folder, fmt.Sprintf("n-%d", i), types.VirtualMachineCloneSpec{
					Location: pool, PowerOn: true, Config: &types.VirtualMachineConfigSpec{},
				})
				if err == nil {
					err = task.Wait(d.ctx)
				}
				if err != nil {
					t.Errorf("clone %d: %v", i, err)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
	t.Logf("%d clones in %s", n, time.Since(began))

	var vms []mo.VirtualMachine
	refs := object.NewFolder(d.client.Client, folder.Reference())
	children, err := refs.Children(d.ctx)
	d.must(err)
	var list []types.ManagedObjectReference
	for _, c := range children {
		list = append(list, c.Reference())
	}
	d.must(d.client.Retrieve(d.ctx, list, []string{"config", "runtime.powerState"}, &vms))
	macs, files := map[string]bool{}, map[string]bool{}
	for _, vm := range vms {
		macs[nics(vm)[0].MacAddress] = true
		files[backing(disks(vm)[0]).FileName] = true
	}
	if len(vms) != n || len(macs) != n || len(files) != n {
		t.Errorf("%d machines, %d MAC addresses, %d disks", len(vms), len(macs), len(files))
	}
	for mac := range macs {
		if !strings.HasPrefix(mac, "00:50:56:") {
			t.Errorf("MAC address %s", mac)
		}
	}
}
