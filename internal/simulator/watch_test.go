package simulator_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/types"
)

func TestWaitSeesEveryProperty(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1")
	for what, change := range map[string]struct {
		path string
		spec types.VirtualMachineConfigSpec
		want any
	}{
		"annotation": {"config.annotation", types.VirtualMachineConfigSpec{Annotation: "new"}, "new"},
		"memory":     {"config.hardware.memoryMB", types.VirtualMachineConfigSpec{MemoryMB: 2048}, int32(2048)},
		"extra config": {`config.extraConfig["k"]`, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{option("k", "v")}},
			types.OptionValue{Key: "k", Value: "v"}},
	} {
		first := make(chan struct{})
		var once sync.Once
		seen := make(chan any, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			err := property.Wait(d.ctx, property.DefaultCollector(d.client.Client),
				vm.Reference(), []string{"name", change.path}, func(changes []types.PropertyChange) bool {
					once.Do(func() { close(first) })
					for _, c := range changes {
						if c.Name == change.path && c.Val == change.want {
							seen <- c.Val
							return true
						}
					}
					return false
				})
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
		<-first
		d.wait(vm.Reconfigure(d.ctx, change.spec))
		wg.Wait()
		if len(seen) != 1 {
			t.Errorf("%s: not seen", what)
		}
	}
}

func TestWaitOverAContainerViewWhileMachinesCome(t *testing.T) {
	t.Parallel()
	d := start(t)
	v, err := view.NewManager(d.client.Client).CreateContainerView(d.ctx, d.client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	d.must(err)
	filter := new(property.WaitFilter).Add(v.Reference(), "VirtualMachine", []string{"name"}, v.TraversalSpec())
	entered := map[string]bool{}
	left := 0
	ready := make(chan struct{})
	all := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		first := true
		complete := false
		done <- property.WaitForUpdates(d.ctx, property.DefaultCollector(d.client.Client), filter, func(updates []types.ObjectUpdate) bool {
			if first {
				first = false
				close(ready)
			}
			for _, u := range updates {
				switch u.Kind {
				case types.ObjectUpdateKindEnter:
					entered[u.ChangeSet[0].Val.(string)] = true
				case types.ObjectUpdateKindLeave:
					left++
				}
			}
			if !complete && entered["a"] && entered["b"] && entered["c"] {
				complete = true
				close(all)
			}
			return left == 3
		})
	}()
	<-ready
	var vms []*object.VirtualMachine
	for _, name := range []string{"a", "b", "c"} {
		vms = append(vms, d.mustClone(name))
	}
	// Of a VM that comes and goes between two updates, a collector reports neither.
	select {
	case <-all:
	case err := <-done:
		t.Fatal("ended before all VMs came", err)
	}
	for _, vm := range vms {
		d.wait(vm.Destroy(d.ctx))
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !entered["a"] || !entered["c"] || !entered["gantry-node-1.37.2"] {
		t.Errorf("seen %v", entered)
	}
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1")
	ctx, cancel := context.WithTimeout(d.ctx, 100*time.Millisecond)
	defer cancel()
	err := property.Wait(ctx, property.DefaultCollector(d.client.Client),
		vm.Reference(), []string{"name"}, func([]types.PropertyChange) bool { return false })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a client that gives up: %v", err)
	}
	err = property.Wait(d.ctx, property.DefaultCollector(d.client.Client),
		types.ManagedObjectReference{Type: "VirtualMachine", Value: "vm-404"},
		[]string{"name"}, func([]types.PropertyChange) bool { return false })
	if !isFault[types.ManagedObjectNotFound](err) {
		t.Errorf("a machine that does not exist: %v", err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		d.Restart()
	}()
	err = property.Wait(d.ctx, property.DefaultCollector(d.client.Client),
		vm.Reference(), []string{"name"}, func([]types.PropertyChange) bool { return false })
	if err == nil {
		t.Error("the wait outlived its session")
	}
}
