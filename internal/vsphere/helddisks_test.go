package vsphere_test

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// A snapshot holds what is attached when it is taken, whether it is attached later or
// not, but for independent disks. The clone's own disk goes with the VM anyway.
func TestDisksThatSnapshotsHold(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site()
	vm := v.clone(request(site, "prod-cp-1"))
	held := func() []model.HeldDisk {
		t.Helper()
		var polled []model.HeldDisk
		calls := v.calls(func() {
			res, err := v.client.Poll(t.Context(), model.PollRequest{Disks: []string{vm}})
			v.must(err)
			if !res.VMs[vm].DisksRead || len(res.VMs) != 1 || len(res.Gone) > 0 {
				t.Fatalf("%+v", res)
			}
			polled = res.VMs[vm].HeldDisks
		})
		surveys := v.calls(func() {
			if surveyed := v.survey(names()).HeldDisks[vm]; !slices.Equal(surveyed, polled) {
				t.Errorf("a survey finds %v, a poll %v", surveyed, polled)
			}
		})
		if calls.Total != 1 || surveys.Total != 2 {
			t.Errorf("a poll took %+v and a survey %+v", calls, surveys)
		}
		return polled
	}
	attach := func(d simulator.Disk) string {
		t.Helper()
		d.Gigabytes = 1
		file, err := v.Attach("prod-cp-1", d)
		v.must(err)
		return file
	}
	v.must(v.SnapshotVM("prod-cp-1", "before any volume"))
	if got := held(); len(got) > 0 {
		t.Fatalf("held %v", got)
	}
	attach(simulator.Disk{})
	volume := attach(simulator.Disk{Mode: types.VirtualDiskModePersistent, FirstClass: true})
	beside := attach(simulator.Disk{Mode: types.VirtualDiskModePersistent, Beside: true})
	if got := held(); len(got) > 0 {
		t.Fatalf("before the disks are in a snapshot: held %v", got)
	}
	v.must(v.SnapshotVM("prod-cp-1", "nightly/backup"))
	want := []model.HeldDisk{{File: beside, Snapshot: "nightly/backup"}, {File: volume, Snapshot: "nightly/backup"}}
	if got := held(); !slices.Equal(got, want) {
		t.Errorf("held %v, want %v", got, want)
	}
	v.done(v.client.PowerOff(t.Context(), vm))
	var foreign []int32
	for _, d := range v.disks(vm) {
		if !d.Owned {
			foreign = append(foreign, d.Key)
		}
	}
	if len(foreign) != 3 {
		t.Errorf("disks %+v, want three that are not the VM's own", v.disks(vm))
	}
	v.done(v.client.DetachDisks(t.Context(), vm, foreign))
	if got := held(); !slices.Equal(got, want) {
		t.Errorf("held when detached: %v, want %v", got, want)
	}
	v.must(v.RemoveSnapshots("prod-cp-1"))
	if got := held(); len(got) > 0 {
		t.Errorf("held without snapshots: %v", got)
	}
}
