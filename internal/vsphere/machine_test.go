package vsphere_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func userinfo(user, password string) *url.Userinfo { return url.UserPassword(user, password) }

// disks reads the disks of a VM as they are read before it is destroyed.
func (v *vcenter) disks(vm string) []model.Disk {
	v.t.Helper()
	res, err := v.client.Poll(v.t.Context(), model.PollRequest{Disks: []string{vm}})
	v.must(err)
	if !res.VMs[vm].DisksRead {
		v.t.Fatalf("the disks of %s were not read", vm)
	}
	return res.VMs[vm].Disks
}

func TestForeignDisksSurviveTheirMachine(t *testing.T) {
	t.Parallel()
	v := start(t)
	vm := v.clone(request(v.site(), "prod-cp-1"))
	volume, err := v.AttachDisk("prod-cp-1", 5)
	v.must(err)

	disks := v.disks(vm)
	if len(disks) != 2 || !disks[0].Owned || disks[1].Owned || disks[1].File != volume {
		t.Fatalf("disks %+v", disks)
	}
	keys := []int32{disks[1].Key}
	if _, err := v.client.DetachDisks(t.Context(), vm, keys); err == nil || !strings.Contains(err.Error(), "power") {
		t.Fatalf("detach from a running VM: %v", err)
	}
	v.done(v.client.PowerOff(t.Context(), vm))
	v.done(v.client.PowerOff(t.Context(), vm)) // off already
	v.done(v.client.DetachDisks(t.Context(), vm, keys))
	v.done(v.client.DetachDisks(t.Context(), vm, keys)) // detached already
	v.done(v.client.Destroy(t.Context(), vm))
	if !v.DiskExists(volume) || v.DiskExists(disks[0].File) {
		t.Fatalf("volume kept: %v, own disk kept: %v", v.DiskExists(volume), v.DiskExists(disks[0].File))
	}
	if foreign := v.DestroyedForeignDisks(); len(foreign) > 0 {
		t.Fatalf("destroyed %q", foreign)
	}
	for name, call := range map[string]func() (string, error){
		"power off": func() (string, error) { return v.client.PowerOff(t.Context(), vm) },
		"detach":    func() (string, error) { return v.client.DetachDisks(t.Context(), vm, keys) },
		"destroy":   func() (string, error) { return v.client.Destroy(t.Context(), vm) },
		"wipe":      func() (string, error) { return v.client.WipeUserdata(t.Context(), vm) },
	} {
		if _, err := call(); !errors.Is(err, model.ErrGone) || model.Transient(err) || !strings.Contains(err.Error(), "/dc-1/vm/k8s/prod-cp-1") {
			t.Errorf("%s of what is gone: %v", name, err)
		}
	}
}

func TestPowerOnIsATaskThatFailsWithItsReason(t *testing.T) {
	t.Parallel()
	v := start(t)
	vm := v.cloneOff(request(v.site(), "prod-cp-1"))
	v.must(v.AddFault(simulator.Fault{Kind: simulator.FailTask, Call: "PowerOnVM_Task", Fault: "InsufficientFailoverResourcesFault"}))
	task, err := v.client.PowerOn(t.Context(), vm)
	v.must(err)
	err = v.finish(task).Err
	for _, part := range []string{
		`power on "/dc-1/vm/k8s/prod-cp-1"`, "Insufficient resources to satisfy configured failover level for vSphere HA",
		"InsufficientFailoverResourcesFault",
	} {
		if err == nil || model.Transient(err) || !strings.Contains(err.Error(), part) {
			t.Errorf("the failure does not say %q: %v", part, err)
		}
	}
	calls := v.calls(func() { v.done(v.client.PowerOn(t.Context(), vm)) })
	if calls.SOAP["PowerOnVM_Task"] != 1 {
		t.Errorf("power-on took %+v", calls)
	}
	v.done(v.client.PowerOn(t.Context(), vm)) // on already
	if !v.survey(nil).Machines[0].PoweredOn {
		t.Error("it is off")
	}
}

func TestPollIsOneCallAndLosesNothingToWhatIsGone(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	kept, gone := v.clone(request(site, "kept")), v.clone(request(site, "gone"))
	task, err := v.client.WipeUserdata(t.Context(), kept)
	v.must(err)
	v.must(v.finish(task).Err)
	v.must(v.DeleteVM("gone"))
	var res *model.PollResult
	calls := v.calls(func() {
		res, err = v.client.Poll(t.Context(), model.PollRequest{Tasks: []string{task}, VMs: []string{kept, gone}, Disks: []string{kept}})
		v.must(err)
	})
	if calls.Total != 1 {
		t.Fatalf("a poll took %+v", calls)
	}
	if !res.Tasks[task].Done || !res.VMs[kept].PoweredOn || len(res.VMs[kept].Disks) != 1 ||
		!res.Gone[gone] || len(res.Gone) != 1 || len(res.VMs) != 1 {
		t.Fatalf("result %+v", res)
	}
	v.ForgetTasks()
	res, err = v.client.Poll(t.Context(), model.PollRequest{Tasks: []string{task}, VMs: []string{gone}})
	v.must(err)
	if !res.Gone[task] || !res.Gone[gone] {
		t.Fatalf("result %+v", res)
	}
	calls = v.calls(func() {
		_, err = v.client.Poll(t.Context(), model.PollRequest{})
		v.must(err)
	})
	if calls.Total != 0 {
		t.Fatalf("an empty poll took %+v", calls)
	}
}

func TestUserdataIsSeenAndWiped(t *testing.T) {
	t.Parallel()
	v := start(t)
	vm := v.clone(request(v.site(), "prod-cp-1", func(r *model.CloneRequest) {
		r.GuestInfo = map[string]string{"guestinfo.userdata": "c2VjcmV0", "guestinfo.userdata.encoding": "base64"}
	}))
	poll := func() model.VMState {
		res, err := v.client.Poll(t.Context(), model.PollRequest{VMs: []string{vm}})
		v.must(err)
		return res.VMs[vm]
	}
	booted := func() bool { return v.survey(nil).Machines[0].Booted }
	if booted() {
		t.Error("a VM that was never on has booted")
	}
	if !poll().Userdata || !v.survey(nil).Machines[0].Userdata {
		t.Fatal("the bootstrap data is not seen")
	}
	// What cloud-init's own cleanup leaves: a guest cannot set a value to nothing.
	v.setOption(vm, "guestinfo.userdata", "---")
	v.setOption(vm, "guestinfo.userdata.encoding", " ")
	if poll().Userdata || v.survey(nil).Machines[0].Userdata {
		t.Fatal("what cloud-init has cleaned up counts as bootstrap data")
	}
	if !booted() {
		t.Error("what cloud-init has cleaned up does not say that the guest has booted")
	}
	v.setOption(vm, "guestinfo.userdata", "c2VjcmV0")
	v.setOption(vm, "guestinfo.userdata.encoding", "base64")
	v.done(v.client.WipeUserdata(t.Context(), vm))
	if poll().Userdata || v.survey(nil).Machines[0].Userdata {
		t.Fatal("the bootstrap data is still there")
	}
	if booted() {
		t.Error("a VM whose bootstrap data was taken away before its guest has read it counts as booted")
	}
	if got := option(v.vm(vm), "guestinfo.userdata"); got != "" {
		t.Fatalf("userdata %q", got)
	}
}

// A copy of a machine, made by a backup product or by hand, carries its marker.
func TestCopyOfAMachineIsNotTheMachine(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	original := v.clone(request(site, "prod-cp-1"))
	copied := site.Template
	copied.Ref, copied.Path = original, "/dc-1/vm/k8s/prod-cp-1"
	made := v.clone(request(site, "copy", func(r *model.CloneRequest) { r.Template = copied }))
	v.setOption(made, "gantry.node", option(v.vm(original), "gantry.node"))
	refs := func() []string {
		var list []string
		for _, m := range v.survey(nil).Machines {
			list = append(list, m.Ref)
		}
		return list
	}
	if got := refs(); !slices.Equal(got, []string{original}) {
		t.Fatalf("machines %q, want %q alone", got, original)
	}
	// Alone it is the machine, restored under a new instance UUID.
	v.must(v.DeleteVM("prod-cp-1"))
	if got := refs(); !slices.Equal(got, []string{made}) {
		t.Fatalf("machines %q, want the copy %q", got, made)
	}
}

func TestLostResponsesAreTransient(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	v.must(v.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: "CloneVM_Task"}))
	calls := v.calls(func() {
		if _, err := v.client.Clone(t.Context(), request(site, "prod-cp-1")); !model.Transient(err) {
			t.Fatalf("error %v", err)
		}
	})
	if calls.SOAP["CloneVM_Task"] != 1 {
		t.Fatalf("a clone whose response was lost was sent again: %+v", calls)
	}
}
