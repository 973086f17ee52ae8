package simulator_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// powerOn asks for a clone that is on.
func powerOn(s *types.VirtualMachineCloneSpec) { s.PowerOn = true }

// awaitPhase waits until the named machine's guest is in that phase. One that
// was given no userdata fails: there is nothing to boot into.
func (d *datacenter) awaitPhase(name, phase string) simulator.Guest {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, 2*time.Minute)
	defer cancel()
	var found simulator.Guest
	d.must(d.WaitGuests(ctx, func(guests []simulator.Guest) bool {
		for _, g := range guests {
			if g.Name == name && string(g.Phase) == phase {
				found = g
				return true
			}
		}
		return false
	}))
	return found
}

func TestPowerOnBootsTheGuest(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1", powerOn)
	g := d.awaitPhase("n1", "failed")
	if g.ID != vm.Reference().Value || g.Error == "" {
		t.Errorf("guest %+v", g)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		p := d.properties(vm, "config.extraConfig", "runtime", "summary.runtime.powerState")
		if p.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn || p.Runtime.BootTime == nil {
			t.Fatalf("runtime %+v", p.Runtime)
		}
		if extraOf(p.Config)["guestinfo.gantry.phase"] == "failed" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the guest's phase never arrived in the configuration")
		}
	}
	task, err := vm.PowerOn(d.ctx)
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.InvalidPowerState](err) {
		t.Errorf("second power-on: %v", err)
	}
}

func extraOf(config *types.VirtualMachineConfigInfo) map[string]string {
	return extra(mo.VirtualMachine{Config: config})
}

func TestPowerOffClearsWhatTheGuestReported(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1", powerOn)
	d.wait(vm.Reconfigure(d.ctx, types.VirtualMachineConfigSpec{ExtraConfig: []types.BaseOptionValue{
		option("SET.guest.ipAddress", "10.10.183.7"), option("SET.guest.hostName", "n1"),
		option("SET.guest.toolsRunningStatus", "guestToolsRunning"),
	}}))
	if got := d.properties(vm, "guest.ipAddress").Guest.IpAddress; got != "10.10.183.7" {
		t.Fatalf("address %q", got)
	}
	d.wait(vm.PowerOff(d.ctx))
	p := d.properties(vm, "guest", "summary.guest", "runtime")
	if p.Guest.IpAddress != "" || len(p.Guest.Net) != 0 || p.Guest.HostName != "" || p.Summary.Guest.IpAddress != "" ||
		p.Guest.ToolsRunningStatus != string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning) {
		t.Errorf("guest %+v", p.Guest)
	}
	if p.Runtime.BootTime != nil || p.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		t.Errorf("runtime %+v", p.Runtime)
	}
	task, err := vm.PowerOff(d.ctx)
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.InvalidPowerState](err) {
		t.Errorf("second power-off: %v", err)
	}
	d.awaitPhase("n1", "off")
}

func TestShutdownNeedsTools(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1")
	if err := vm.ShutdownGuest(d.ctx); !isFault[types.InvalidPowerState](err) {
		t.Errorf("of a machine that is off: %v", err)
	}
	d.wait(vm.PowerOn(d.ctx))
	d.awaitPhase("n1", "failed")
	setTools := func(status string) {
		d.wait(vm.Reconfigure(d.ctx, types.VirtualMachineConfigSpec{
			ExtraConfig: []types.BaseOptionValue{option("SET.guest.toolsRunningStatus", status)},
		}))
	}
	setTools("guestToolsNotRunning")
	if err := vm.ShutdownGuest(d.ctx); !isFault[types.ToolsUnavailable](err) {
		t.Errorf("without tools: %v", err)
	}
	setTools("guestToolsRunning")
	d.must(vm.ShutdownGuest(d.ctx))
	d.must(vm.WaitForPowerState(d.ctx, types.VirtualMachinePowerStatePoweredOff))
}

func TestDestroy(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.mustClone("n1", powerOn)
	task, err := vm.Destroy(d.ctx)
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.InvalidPowerState](err) {
		t.Fatalf("a running machine was destroyed: %v", err)
	}
	kept, err := d.AttachDisk("n1", 5)
	d.must(err)
	lost, err := d.AttachDisk("n1", 5)
	d.must(err)
	d.wait(vm.PowerOff(d.ctx))
	for _, disk := range disks(d.properties(vm, "config.hardware.device")) {
		if backing(disk).FileName == kept {
			d.must(vm.RemoveDevice(d.ctx, true, disk))
		}
	}
	d.wait(vm.Destroy(d.ctx))

	if !d.DiskExists(kept) {
		t.Error("the file of a detached disk is gone")
	}
	if d.DiskExists(lost) || d.DiskExists("[shared-1] n1/n1.vmdk") {
		t.Error("the file of an attached disk is still there")
	}
	if got := d.DestroyedDisks(); !slices.Contains(got, lost) || !slices.Contains(got, "[shared-1] n1/n1.vmdk") || slices.Contains(got, kept) {
		t.Errorf("destroyed disks %v", got)
	}
	if got := d.DestroyedForeignDisks(); !slices.Equal(got, []string{lost}) {
		t.Errorf("destroyed foreign disks %v", got)
	}
	if left := d.Leftovers(); !left.Empty() {
		t.Errorf("leftovers %+v", left)
	}
	if len(d.Guests()) != 0 {
		t.Errorf("guests %v", d.Guests())
	}
	d.mustClone("n1") // the name and the directory are free again
	if got := d.properties(d.vm("k8s/n1"), "config.files").Config.Files.VmPathName; got != "[shared-1] n1/n1.vmx" {
		t.Errorf("files %s", got)
	}
}

func TestDestroyKeepsTheParentOfALinkedClone(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.wait(d.mustClone("n1", d.linked).Destroy(d.ctx))
	if !d.DiskExists("[shared-1] gantry-node-1.37.2/gantry-node-1.37.2.vmdk") {
		t.Error("the template's disk is gone")
	}
}

func TestDestroyFolderDestroysItsMachines(t *testing.T) {
	t.Parallel()
	d := start(t)
	folder, err := d.folder("k8s").CreateFolder(d.ctx, "c1")
	d.must(err)
	if _, err := d.folder("k8s").CreateFolder(d.ctx, "c1"); !isFault[types.DuplicateName](err) {
		t.Errorf("duplicate folder: %v", err)
	}
	off := d.mustClone("off")
	vm := d.mustClone("n1", powerOn)
	d.wait(folder.MoveInto(d.ctx, []types.ManagedObjectReference{off.Reference(), vm.Reference()}))
	task, err := folder.Destroy(d.ctx)
	d.must(err)
	if err := task.Wait(d.ctx); !isFault[types.InvalidPowerState](err) {
		t.Fatalf("a folder with a running machine was destroyed: %v", err)
	}
	if got := d.properties(off, "name").Name; got != "off" {
		t.Error("half of the folder is gone")
	}
	d.wait(vm.PowerOff(d.ctx))
	d.wait(folder.Destroy(d.ctx))
	if left := d.Leftovers(); !left.Empty() {
		t.Errorf("leftovers %+v", left)
	}
	var gone mo.VirtualMachine
	if err := vm.Properties(d.ctx, vm.Reference(), []string{"name"}, &gone); !isFault[types.ManagedObjectNotFound](err) {
		t.Errorf("the machine of a destroyed folder: %v", err)
	}
}

func TestDestroyDetachesTagsAndLeavesRules(t *testing.T) {
	t.Parallel()
	d := start(t)
	a, b := d.mustClone("a"), d.mustClone("b")
	m := d.tagManager()
	category, err := m.CreateCategory(d.ctx, &tags.Category{Name: "team", Cardinality: "SINGLE", AssociableTypes: []string{"VirtualMachine"}})
	d.must(err)
	tag, err := m.CreateTag(d.ctx, &tags.Tag{Name: "blue", CategoryID: category})
	d.must(err)
	d.must(m.AttachTag(d.ctx, tag, a))
	cluster, err := d.finder.ClusterComputeResource(d.ctx, "cluster-a")
	d.must(err)
	rule := func(vms ...types.ManagedObjectReference) error {
		task, err := cluster.Reconfigure(d.ctx, &types.ClusterConfigSpecEx{RulesSpec: []types.ClusterRuleSpec{{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationAdd},
			Info: &types.ClusterAntiAffinityRuleSpec{
				ClusterRuleInfo: types.ClusterRuleInfo{Name: "apart", Enabled: types.NewBool(true)}, Vm: vms,
			},
		}}}, true)
		d.must(err)
		return task.Wait(d.ctx)
	}
	if err := rule(a.Reference()); !isFault[types.InvalidArgument](err) {
		t.Errorf("rule of one machine: %v", err)
	}
	d.must(rule(a.Reference(), b.Reference()))
	d.wait(a.Destroy(d.ctx))

	attached, err := m.ListAttachedObjects(d.ctx, tag)
	d.must(err)
	if len(attached) != 0 {
		t.Errorf("the tag is still on %v", attached)
	}
	config, err := cluster.Configuration(d.ctx)
	d.must(err)
	if got := config.Rule[0].(*types.ClusterAntiAffinityRuleSpec).Vm; len(got) != 1 || got[0] != b.Reference() {
		t.Errorf("the rule holds %v", got)
	}
	if left := d.Leftovers(); !slices.Equal(left.Rules, []string{"cluster-a/apart"}) {
		t.Errorf("leftover rules %v", left.Rules)
	}
}
