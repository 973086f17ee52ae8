package simulator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func TestReconfigure(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1", func(s *types.VirtualMachineCloneSpec) {
		s.Config.ExtraConfig = []types.BaseOptionValue{option("guestinfo.userdata", "x"), option("keep", "y")}
	})
	d.wait(vm.Reconfigure(d.ctx, types.VirtualMachineConfigSpec{
		ExtraConfig: []types.BaseOptionValue{option("guestinfo.userdata", ""), option("never.there", ""), option("new", "z")},
		NumCPUs:     8, VAppConfig: nil, VAppConfigRemoved: types.NewBool(true),
	}))
	p := d.properties(vm, "config")
	e := extra(p)
	for _, key := range []string{"guestinfo.userdata", "never.there"} {
		if _, ok := e[key]; ok {
			t.Errorf("%s exists", key)
		}
	}
	if e["keep"] != "y" || e["new"] != "z" || p.Config.Hardware.NumCPU != 8 || p.Config.VAppConfig != nil {
		t.Errorf("config %v, %d CPUs, vApp %v", e, p.Config.Hardware.NumCPU, p.Config.VAppConfig)
	}
	task, err := vm.Reconfigure(d.ctx, types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{
		&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove,
			Device: &types.VirtualDisk{VirtualDevice: types.VirtualDevice{Key: 2999}}},
	}})
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.InvalidDeviceSpec](err) {
		t.Errorf("removal of a device that does not exist: %v", err)
	}
	task, err = d.vm(template).Reconfigure(d.ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{option("a", "b")}})
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.NotSupported](err) {
		t.Errorf("reconfigure of a template: %v", err)
	}
}

func TestTasksTakeTheirTime(t *testing.T) {
	t.Parallel()
	d := start(t, func(o *simulator.Options) { o.TaskDuration = time.Hour })
	task, err := d.vm(template).Clone(d.ctx, d.folder("k8s"), "n1", types.VirtualMachineCloneSpec{Location: d.relocate(inA)})
	d.must(err)
	var info mo.Task
	d.must(d.client.RetrieveOne(d.ctx, task.Reference(), []string{"info"}, &info))
	if info.Info.State != types.TaskInfoStateRunning || info.Info.Result != nil {
		t.Errorf("task %+v", info.Info)
	}
	if got := d.properties(d.vm(template), "name").Name; got != "gantry-node-1.37.2" {
		t.Errorf("the template can't be read while it is cloned: %q", got)
	}
	d.AdvanceClock(time.Hour)
	d.must(task.Wait(d.ctx))
	d.ForgetTasks()
	if err := d.client.RetrieveOne(d.ctx, task.Reference(), []string{"info"}, &info); !isFault[types.ManagedObjectNotFound](err) {
		t.Errorf("a forgotten task: %v", err)
	}
}

func TestAdministratorActs(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1", powerOn)
	d.must(d.PowerOffVM("n1"))
	if got := d.properties(vm, "runtime.powerState").Runtime.PowerState; got != types.VirtualMachinePowerStatePoweredOff {
		t.Errorf("power state %s", got)
	}
	d.must(d.PowerOnVM("n1"))
	d.must(d.RenameVM("n1", "renamed"))
	if left := d.Leftovers().VMs; !slices.Equal(left, []string{"/dc-1/vm/k8s/renamed"}) {
		t.Errorf("leftovers %v", left)
	}
	d.must(d.DeleteVM("renamed"))
	if err := d.DeleteVM("renamed"); err == nil || !strings.Contains(err.Error(), "renamed") {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestMachineDoesOneThingAtATime(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1")
	d.SetTaskDuration(time.Hour)
	first, err := vm.PowerOn(d.ctx)
	d.must(err)
	second, err := vm.Reconfigure(d.ctx, types.VirtualMachineConfigSpec{Annotation: "x"})
	d.must(err)
	if err := second.Wait(d.ctx); !isFault[types.TaskInProgress](err) {
		t.Errorf("second task: %v", err)
	}
	d.AdvanceClock(time.Hour)
	d.must(first.Wait(d.ctx))
	d.SetTaskDuration(0)
	d.wait(vm.PowerOff(d.ctx))
	d.wait(vm.Destroy(d.ctx))
}

func TestTemplateAndBack(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1")
	d.must(vm.MarkAsTemplate(d.ctx))
	task, err := vm.PowerOn(d.ctx)
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.InvalidState](err) {
		t.Errorf("power-on of a template: %v", err)
	}
	pool, err := d.finder.ResourcePool(d.ctx, "cluster-a/Resources/gantry")
	d.must(err)
	d.must(vm.MarkAsVirtualMachine(d.ctx, *pool, nil))
	d.wait(vm.CreateSnapshot(d.ctx, "s", "", false, false))
	d.wait(vm.RemoveAllSnapshot(d.ctx, nil))
	d.must(vm.Unregister(d.ctx))
	if left := d.Leftovers(); !left.Empty() {
		t.Errorf("leftovers %+v", left)
	}
}
