package simulator_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func withOtherVMs(n int) func(*simulator.Options) {
	return func(o *simulator.Options) { o.Inventory.OtherVMs = n }
}

// allVMs reads every VM that is no template.
func (d *datacenter) allVMs(properties ...string) []mo.VirtualMachine {
	d.Helper()
	v, err := view.NewManager(d.client.Client).CreateContainerView(
		d.ctx, d.client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	d.must(err)
	var all, vms []mo.VirtualMachine
	d.must(v.Retrieve(d.ctx, []string{"VirtualMachine"}, append(properties, "summary.config.template"), &all))
	for _, vm := range all {
		if !vm.Summary.Config.Template {
			vms = append(vms, vm)
		}
	}
	return vms
}

func TestOtherVMs(t *testing.T) {
	t.Parallel()
	const n = 60
	d := start(t, withOtherVMs(n))
	unique := map[string]map[string]int{}
	count := func(kind, value string) {
		if unique[kind] == nil {
			unique[kind] = map[string]int{}
		}
		unique[kind][value]++
	}
	for _, vm := range d.allVMs("name", "config", "guest", "runtime", "summary") {
		address, err := netip.ParseAddr(vm.Guest.IpAddress)
		d.must(err)
		switch {
		case vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn,
			vm.Summary.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn,
			vm.Guest.ToolsRunningStatus != "guestToolsRunning",
			vm.Guest.HostName != vm.Name,
			vm.Config.Name != vm.Name,
			*vm.Summary.Vm != vm.Self,
			*vm.Summary.Runtime.Host != *vm.Runtime.Host,
			vm.Guest.Net[0].IpAddress[0] != address.String(),
			vm.Guest.Net[0].MacAddress != nics(vm)[0].MacAddress:
			t.Errorf("%s: %+v, %+v, %+v", vm.Name, vm.Summary, vm.Guest, vm.Config)
		}
		if want := "[shared-1] " + vm.Name + "/"; !strings.HasPrefix(backing(disks(vm)[0]).FileName, want) ||
			!strings.HasPrefix(vm.Config.Files.VmPathName, want) {
			t.Errorf("%s: files %s, %s", vm.Name, backing(disks(vm)[0]).FileName, vm.Config.Files.VmPathName)
		}
		count("name", vm.Name)
		count("address", address.String())
		count("MAC address", nics(vm)[0].MacAddress)
		count("UUID", vm.Config.Uuid)
		count("instance UUID", vm.Config.InstanceUuid)
		count("host", vm.Runtime.Host.Value)
		count("network", vm.Guest.Net[0].Network)
	}
	for kind, want := range map[string]int{
		"name": n, "address": n, "MAC address": n, "UUID": n, "instance UUID": n, "host": 9, "network": 2,
	} {
		if len(unique[kind]) != want {
			t.Errorf("%d different values of %s, want %d", len(unique[kind]), kind, want)
		}
	}
	if left := d.Leftovers(); !left.Empty() {
		t.Errorf("leftovers %+v", left)
	}
}

// TestOtherVMsWork drives copies through the API: a copy shares nothing with
// the VM that it was made of.
func TestOtherVMsWork(t *testing.T) {
	t.Parallel()
	d := start(t, withOtherVMs(3))
	second := d.vm("other/team-2/other-00002")
	d.wait(second.Reconfigure(d.ctx, types.VirtualMachineConfigSpec{
		NumCPUs:     8,
		ExtraConfig: []types.BaseOptionValue{option("a", "b")},
	}))
	d.wait(second.PowerOff(d.ctx))
	for path, want := range map[string]types.VirtualMachinePowerState{
		"other/team-1/other-00001": types.VirtualMachinePowerStatePoweredOn,
		"other/team-2/other-00002": types.VirtualMachinePowerStatePoweredOff,
		"other/team-3/other-00003": types.VirtualMachinePowerStatePoweredOn,
	} {
		vm := d.properties(d.vm(path).Reference(), "runtime.powerState", "config", "guest")
		off := want == types.VirtualMachinePowerStatePoweredOff
		if vm.Runtime.PowerState != want || (vm.Config.Hardware.NumCPU == 8) != off || (vm.Guest.IpAddress == "") != off {
			t.Errorf("%s: %s, %d CPUs, address %s", path, vm.Runtime.PowerState, vm.Config.Hardware.NumCPU, vm.Guest.IpAddress)
		}
	}

	d.wait(second.PowerOn(d.ctx))
	d.wait(second.PowerOff(d.ctx))
	d.wait(second.Destroy(d.ctx))
	if vms := d.allVMs("name"); len(vms) != 2 {
		t.Errorf("%d machines", len(vms))
	}
	if ref, err := object.NewSearchIndex(d.client.Client).FindByIp(d.ctx, nil, "10.10.128.17", true); err != nil || ref == nil {
		t.Errorf("third machine by its address: %v, %v", ref, err)
	}
	d.mustClone("n1", powerOn)
}

func TestTooManyOtherVMs(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, simulator.MaxOtherVMs + 1} {
		var o simulator.Options
		withOtherVMs(n)(&o)
		sim, err := simulator.Start(o)
		if err == nil {
			_ = sim.Close()
			t.Errorf("%d: started", n)
		} else if !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// Not parallel: it measures time. A create call for each VM would take minutes;
// the bound is far above the usual second, for a starved machine.
func TestOtherVMsAreFast(t *testing.T) {
	const n = 5000
	began := time.Now()
	d := start(t, withOtherVMs(n))
	took := time.Since(began)
	t.Logf("start with %d machines took %s", n, took)
	if took > time.Minute {
		t.Errorf("start took %s", took)
	}

	machines := 0
	for i := range 10 {
		var folder mo.Folder
		ref := d.folder(fmt.Sprintf("/dc-1/vm/other/team-%d", i+1)).Reference()
		d.must(d.client.RetrieveOne(d.ctx, ref, []string{"childEntity"}, &folder))
		machines += len(folder.ChildEntity)
	}
	if machines != n {
		t.Errorf("%d machines", machines)
	}
}
