package vsphere

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// diskSuffix is what vSphere adds to a VM's name in the names of its disks: a
// number for the second and later ones, and one for each snapshot or link.
var diskSuffix = regexp.MustCompile(`^(_\d+)?(-\d{6})?\.vmdk$`)

// What disksOf and heldDisks need of a VM and of its snapshots.
var (
	diskProperties = []string{
		"config.files.vmPathName", "config.hardware.device", extraConfig(markerKey), "snapshot.rootSnapshotList",
	}
	snapshotProperties = []string{"vm", "config.hardware.device"}
)

// disksSpec asks for the disks of VMs and of all of their snapshots.
func disksSpec(vms []types.ManagedObjectReference) types.PropertyFilterSpec {
	spec := objectsSpec(vms, map[string][]string{
		"VirtualMachine":         diskProperties,
		"VirtualMachineSnapshot": snapshotProperties,
	})
	children := &types.SelectionSpec{Name: "children"}
	for i := range spec.ObjectSet {
		spec.ObjectSet[i].Skip = types.NewBool(false)
		spec.ObjectSet[i].SelectSet = []types.BaseSelectionSpec{
			&types.TraversalSpec{
				Type: "VirtualMachine", Path: "rootSnapshot", SelectSet: []types.BaseSelectionSpec{children},
			},
			&types.TraversalSpec{
				SelectionSpec: types.SelectionSpec{Name: "children"},
				Type:          "VirtualMachineSnapshot", Path: "childSnapshot", SelectSet: []types.BaseSelectionSpec{children},
			},
		}
	}
	return spec
}

// disksOf returns a VM's disks, and which of them came with the clone.
func disksOf(p properties) []model.Disk {
	m, _ := markerOf(p)
	vmx := value[string](p, "config.files.vmPathName")
	var disks []model.Disk
	for _, d := range devicesOf(p).disks {
		disk := model.Disk{Key: d.Key, Owned: cloned(d, vmx, m)}
		if b, ok := d.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			disk.File = b.GetVirtualDeviceFileBackingInfo().FileName
		}
		disks = append(disks, disk)
	}
	return disks
}

// heldDisks returns the disks of a VM's snapshots that did not come with the clone;
// false where they cannot be read. An independent disk is in no snapshot.
func heldDisks(vm properties, snapshots []properties) ([]model.HeldDisk, bool) {
	m, _ := markerOf(vm)
	vmx := value[string](vm, "config.files.vmPathName")
	names := map[types.ManagedObjectReference]string{}
	snapshotNames(value[types.ArrayOfVirtualMachineSnapshotTree](vm, "snapshot.rootSnapshotList").VirtualMachineSnapshotTree, names)
	var held []model.HeldDisk
	for _, snapshot := range snapshots {
		if _, read := snapshot.values["config.hardware.device"]; !read {
			return nil, false
		}
		for _, d := range devicesOf(snapshot).disks {
			if cloned(d, vmx, m) || outsideSnapshots(d) {
				continue
			}
			disk := model.HeldDisk{File: fmt.Sprintf("disk %d", d.Key), Snapshot: names[snapshot.ref]}
			if b, ok := d.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
				disk.File = b.GetVirtualDeviceFileBackingInfo().FileName
			}
			held = append(held, disk)
		}
	}
	slices.SortFunc(held, func(a, b model.HeldDisk) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Snapshot, b.Snapshot))
	})
	return held, true
}

func snapshotNames(tree []types.VirtualMachineSnapshotTree, names map[types.ManagedObjectReference]string) {
	for _, s := range tree {
		names[s.Snapshot] = inventoryname.Unescape(s.Name)
		snapshotNames(s.ChildSnapshotList, names)
	}
}

// outsideSnapshots reports whether no snapshot ever has a disk: one that is
// independent, or a raw device in physical mode.
func outsideSnapshots(d *types.VirtualDisk) bool {
	if raw, ok := d.Backing.(*types.VirtualDiskRawDiskMappingVer1BackingInfo); ok {
		return raw.CompatibilityMode == string(types.VirtualDiskCompatibilityModePhysicalMode) ||
			strings.HasPrefix(raw.DiskMode, independent)
	}
	_, mode, ok := backingFile(d)
	return ok && strings.HasPrefix(mode, independent)
}

// snapshotsByVM sorts what was read of snapshots by their VMs, which have all that
// were not deleted meanwhile.
func snapshotsByVM(found []properties) map[types.ManagedObjectReference][]properties {
	byVM := map[types.ManagedObjectReference][]properties{}
	for _, p := range found {
		if p.ref.Type == "VirtualMachineSnapshot" && !p.vanished() {
			vm := value[types.ManagedObjectReference](p, "vm")
			byVM[vm] = append(byVM[vm], p)
		}
	}
	return byVM
}

// independent begins the modes of disks that are in no snapshot.
const independent = "independent"

// cloned reports whether a disk was created with its VM. All signs must agree:
// any other disk may hold data of a volume.
func cloned(d *types.VirtualDisk, vmx string, m marker) bool {
	if d.VDiskId != nil && d.VDiskId.Id != "" {
		return false // a first-class disk: a persistent volume
	}
	if m.Disks != nil && !slices.Contains(m.Disks, d.Key) {
		return false // attached later
	}
	file, mode, ok := backingFile(d)
	if !ok {
		return false // a raw device, or something unknown
	}
	if strings.HasPrefix(mode, independent) {
		return false // volumes are attached so, a template's disk never is
	}
	dir, name, ok := splitFile(file)
	home, machine, known := splitFile(vmx)
	if !ok || !known || dir != home {
		return false
	}
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(machine, ".vmx"))
	suffix := diskSuffix.FindStringSubmatch(rest)
	if !ok || suffix == nil {
		return false
	}
	// A VM with one disk of its own has no second one; another may have taken the key.
	return suffix[1] == "" || len(m.Disks) != 1
}

// backingFile returns the file and the disk mode of a disk in a file.
func backingFile(d *types.VirtualDisk) (file, mode string, ok bool) {
	switch b := d.Backing.(type) {
	case *types.VirtualDiskFlatVer2BackingInfo:
		return b.FileName, b.DiskMode, true
	case *types.VirtualDiskSeSparseBackingInfo:
		return b.FileName, b.DiskMode, true
	case *types.VirtualDiskSparseVer2BackingInfo:
		return b.FileName, b.DiskMode, true
	}
	return "", "", false
}

// splitFile splits "[datastore] directory/file" before the file.
func splitFile(file string) (dir, name string, ok bool) {
	_, rest, found := strings.Cut(file, "] ")
	if !found || !strings.HasPrefix(file, "[") || !strings.Contains(rest, "/") {
		return "", "", false
	}
	name = path.Base(rest)
	return strings.TrimSuffix(file, "/"+name), name, true
}

// DetachDisks implements model.VCenter. The files stay where they are. A disk
// that is detached already is left out.
func (c *Client) DetachDisks(ctx context.Context, vm string, keys []int32) (string, error) {
	ref, err := parseRef("VirtualMachine", vm)
	if err != nil {
		return "", err
	}
	op := "detach disks from " + c.path(ref)
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{
		"VirtualMachine": {"config.hardware.device", "runtime.powerState"},
	}))
	if err != nil {
		return "", c.failed(op, err)
	}
	if len(found) == 0 || found[0].vanished() {
		return "", &Error{Op: op, Reason: "the VM no longer exists", kind: kindGone}
	}
	if f := found[0].denied(); f != nil {
		return "", c.failed(op, c.explainFault(f, ""))
	}
	if value[types.VirtualMachinePowerState](found[0], "runtime.powerState") != types.VirtualMachinePowerStatePoweredOff {
		// Removed from a running guest, a disk may lose what was not written yet.
		return "", &Error{Op: op, Reason: "the VM is not powered off", Advice: "power it off first"}
	}
	spec := types.VirtualMachineConfigSpec{}
	for _, d := range devicesOf(found[0]).disks {
		if slices.Contains(keys, d.Key) {
			// No file operation: the file is kept.
			spec.DeviceChange = append(spec.DeviceChange, &types.VirtualDeviceConfigSpec{
				Operation: types.VirtualDeviceConfigSpecOperationRemove,
				Device:    d,
			})
		}
	}
	return c.reconfigure(ctx, ref, op, spec)
}
