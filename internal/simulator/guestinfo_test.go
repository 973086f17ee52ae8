package simulator_test

import (
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
)

// guestinfo reads the advanced options of a machine.
func (d *datacenter) guestinfo(vm *object.VirtualMachine) map[string]string {
	d.Helper()
	return extraOf(d.properties(vm, "config.extraConfig").Config)
}

const phaseOption = "guestinfo.gantry.phase"

// What a guest sets first ends with the machine's power; what the configuration had
// before stays, with the guest's last value.
func TestGuestinfoOfAGuestEndsWithThePower(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.must(d.SetVMOption("gantry-node-1.37.2", "guestinfo.gantry.log", "none"))
	d.must(d.SetVMOption("gantry-node-1.37.2", phaseOption, ""))
	vm := d.mustClone("n1", powerOn)
	for deadline := time.Now().Add(2 * time.Minute); d.guestinfo(vm)[phaseOption] != "failed"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the guest's phase never arrived in the configuration")
		}
	}
	if d.guestinfo(vm)["guestinfo.gantry.log"] == "none" {
		t.Error("the guest did not write its log")
	}
	d.must(d.PowerOffVM("n1"))
	left := d.guestinfo(vm)
	if left[phaseOption] != "" || left["guestinfo.gantry.log"] == "" {
		t.Errorf("after the power: %v", left)
	}
}

func TestGuestMaySetNoGuestinfo(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.must(d.SetVMOption("gantry-node-1.37.2", "isolation.tools.setinfo.disable", "TRUE"))
	d.must(d.SetVMOption("gantry-node-1.37.2", phaseOption, "none"))
	vm := d.mustClone("n1", powerOn)
	d.awaitPhase("n1", "failed")
	d.must(d.PowerOffVM("n1")) // after it no report is under way
	if got := d.guestinfo(vm)[phaseOption]; got != "none" {
		t.Errorf("the guest set %q", got)
	}
}
