package simulator_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func option(key, value string) types.BaseOptionValue {
	return &types.OptionValue{Key: key, Value: value}
}

func extra(vm mo.VirtualMachine) map[string]string {
	m := map[string]string{}
	for _, o := range vm.Config.ExtraConfig {
		m[o.GetOptionValue().Key] = fmt.Sprint(o.GetOptionValue().Value)
	}
	return m
}

func disks(vm mo.VirtualMachine) []*types.VirtualDisk {
	var found []*types.VirtualDisk
	for _, d := range vm.Config.Hardware.Device {
		if disk, ok := d.(*types.VirtualDisk); ok {
			found = append(found, disk)
		}
	}
	return found
}

func nics(vm mo.VirtualMachine) []*types.VirtualEthernetCard {
	var found []*types.VirtualEthernetCard
	for _, d := range vm.Config.Hardware.Device {
		if nic, ok := d.(types.BaseVirtualEthernetCard); ok {
			found = append(found, nic.GetVirtualEthernetCard())
		}
	}
	return found
}

func backing(disk *types.VirtualDisk) *types.VirtualDiskFlatVer2BackingInfo {
	return disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
}

// linked asks for a linked clone of the template's snapshot.
func (d *datacenter) linked(spec *types.VirtualMachineCloneSpec) {
	spec.Snapshot = d.properties(d.vm(template), "snapshot").Snapshot.CurrentSnapshot
	spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
}

// resize edits the template's disk in the clone's specification.
func (d *datacenter) resize(gb int64) func(*types.VirtualMachineCloneSpec) {
	return func(spec *types.VirtualMachineCloneSpec) {
		disk := *disks(d.properties(d.vm(template), "config.hardware.device"))[0]
		disk.CapacityInBytes = gb << 30
		disk.CapacityInKB = gb << 20
		spec.Config.DeviceChange = append(spec.Config.DeviceChange, &types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: &disk,
		})
	}
}

// replaceNIC removes the template's card and adds one on a distributed port
// group.
func (d *datacenter) replaceNIC(portgroup string) func(*types.VirtualMachineCloneSpec) {
	return func(spec *types.VirtualMachineCloneSpec) {
		for _, nic := range nics(d.properties(d.vm(template), "config.hardware.device")) {
			spec.Location.DeviceChange = append(spec.Location.DeviceChange, &types.VirtualDeviceConfigSpec{
				Operation: types.VirtualDeviceConfigSpecOperationRemove,
				Device:    &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: *nic}},
			})
		}
		network, err := d.finder.Network(d.ctx, portgroup)
		d.must(err)
		b, err := network.EthernetCardBackingInfo(d.ctx)
		d.must(err)
		spec.Location.DeviceChange = append(spec.Location.DeviceChange, &types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationAdd,
			Device: &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{
				VirtualDevice: types.VirtualDevice{Key: -10, Backing: b},
			}}},
		})
	}
}

// A MAC address that is set by hand is the card's, any other type is vCenter's to
// choose, and what no host would power on is refused.
func TestCloneMACAddress(t *testing.T) {
	t.Parallel()
	d := start(t)
	addressed := func(addressType types.VirtualEthernetCardMacType, mac string) func(*types.VirtualMachineCloneSpec) {
		return func(spec *types.VirtualMachineCloneSpec) {
			d.replaceNIC("dvpg-nodes")(spec)
			added := spec.Location.DeviceChange[len(spec.Location.DeviceChange)-1].GetVirtualDeviceConfigSpec()
			card := added.Device.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
			card.AddressType = string(addressType)
			card.MacAddress = mac
		}
	}
	const manual, generated = types.VirtualEthernetCardMacTypeManual, types.VirtualEthernetCardMacTypeGenerated
	card := nics(d.properties(d.mustClone("by-hand", addressed(manual, "00:50:56:3F:ff:0a")), "config"))[0]
	if card.MacAddress != "00:50:56:3F:ff:0a" || card.AddressType != string(manual) || card.Key != 4000 {
		t.Errorf("card %d has %s (%s)", card.Key, card.MacAddress, card.AddressType)
	}
	for name, spec := range map[string]func(*types.VirtualMachineCloneSpec){
		"generated": addressed(generated, "00:50:56:00:00:01"), "inherited": func(*types.VirtualMachineCloneSpec) {},
	} {
		card := nics(d.properties(d.mustClone(name, spec), "config"))[0]
		own := nics(d.properties(d.vm(template), "config"))[0].MacAddress
		if card.AddressType == string(manual) || card.MacAddress == "00:50:56:00:00:01" || card.MacAddress == own {
			t.Errorf("%s: %s (%s)", name, card.MacAddress, card.AddressType)
		}
	}
	for _, mac := range []string{"", "00:50:56:40:00:00", "00:0c:29:00:00:01", "00:50:56:00:00", "01:50:56:00:00:01"} {
		if _, err := d.clone("refused", addressed(manual, mac)); err == nil {
			t.Errorf("%q was taken", mac)
		}
	}
}

func TestFullCloneHasItsOwnDiskOfTheSizeAsked(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.properties(d.mustClone("n1", d.resize(60)), "config", "datastore")
	disk := disks(vm)
	if len(disk) != 1 || disk[0].CapacityInBytes != 60<<30 || disk[0].CapacityInKB != 60<<20 {
		t.Fatalf("disks %+v", disk)
	}
	if got := backing(disk[0]).FileName; got != "[shared-1] n1/n1.vmdk" {
		t.Errorf("disk file %s", got)
	}
	if backing(disk[0]).Parent != nil {
		t.Error("a full clone has no parent disk")
	}
	if !d.DiskExists("[shared-1] n1/n1.vmdk") {
		t.Error("no file behind the disk")
	}
	got := disks(d.properties(d.vm(template), "config"))[0]
	if got.CapacityInBytes != 20<<30 || backing(got).FileName != "[shared-1] gantry-node-1.37.2/gantry-node-1.37.2.vmdk" {
		t.Errorf("the clone changed its template: %+v", backing(got))
	}
}

func TestLinkedCloneHasAChildDisk(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.properties(d.mustClone("n1", d.linked), "config")
	disk := disks(vm)
	if len(disk) != 1 || disk[0].CapacityInBytes != 20<<30 {
		t.Fatalf("disks %+v", disk)
	}
	b := backing(disk[0])
	if b.FileName != "[shared-1] n1/n1.vmdk" || b.Parent == nil ||
		b.Parent.FileName != "[shared-1] gantry-node-1.37.2/gantry-node-1.37.2.vmdk" {
		t.Errorf("backing %+v, parent %+v", b, b.Parent)
	}
}

func TestSpaceIsTakenAndGivenBack(t *testing.T) {
	t.Parallel()
	d := start(t)
	free := func() int64 {
		ds, err := d.finder.Datastore(d.ctx, "shared-1")
		d.must(err)
		var o mo.Datastore
		d.must(ds.Properties(d.ctx, ds.Reference(), []string{"summary"}, &o))
		return o.Summary.FreeSpace
	}
	before := free()
	whole, child := d.mustClone("whole", d.resize(60)), d.mustClone("child", d.linked)
	if taken := before - free(); taken != 60<<30 {
		t.Errorf("a disk of 60 GB and a child disk took %d bytes", taken)
	}
	d.wait(whole.Destroy(d.ctx))
	d.wait(child.Destroy(d.ctx))
	if got := free(); got != before {
		t.Errorf("%d bytes are free, %d were before", got, before)
	}
}

func TestLinkedCloneIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t)
	if _, err := d.clone("n1", d.linked, d.resize(60)); !isFault[types.InvalidDeviceSpec](err) {
		t.Errorf("with another disk size: %v", err)
	}
	if _, err := d.clone("n1", d.linked, func(s *types.VirtualMachineCloneSpec) { s.Snapshot = nil }); !isFault[types.InvalidArgument](err) {
		t.Errorf("without a snapshot: %v", err)
	}
	if left := d.Leftovers(); !left.Empty() {
		t.Errorf("leftovers %+v", left)
	}
}

func TestCloneSettings(t *testing.T) {
	t.Parallel()
	d := start(t)
	const id = "9a3b7c1e-5d2f-4e6a-8b9c-0d1e2f3a4b5c"
	ref := d.mustClone("n1", d.replaceNIC("dvpg-nodes"), func(s *types.VirtualMachineCloneSpec) {
		s.Config.InstanceUuid = id
		s.Config.NumCPUs = 4
		s.Config.MemoryMB = 8192
		s.Config.NumCoresPerSocket = types.NewInt32(2)
		s.Config.Annotation = "built by a test"
		s.Config.VAppConfigRemoved = types.NewBool(true)
		s.Config.ExtraConfig = []types.BaseOptionValue{
			option("guestinfo.userdata", "secret"), option("gantry.node", `{"cluster":"c"}`),
			option("disk.EnableUUID", "TRUE"), option("absent", ""),
		}
	})
	vm := d.properties(ref, "name", "parent", "config", "summary", "runtime", "network", "guest", "resourcePool")
	if vm.Config.InstanceUuid != id || vm.Summary.Config.InstanceUuid != id {
		t.Errorf("instance uuid %s", vm.Config.InstanceUuid)
	}
	if vm.Config.Hardware.NumCPU != 4 || vm.Config.Hardware.MemoryMB != 8192 || *vm.Config.Hardware.NumCoresPerSocket != 2 {
		t.Errorf("hardware %d %d %d", vm.Config.Hardware.NumCPU, vm.Config.Hardware.MemoryMB, *vm.Config.Hardware.NumCoresPerSocket)
	}
	if vm.Config.Annotation != "built by a test" || vm.Config.Template || vm.Config.VAppConfig != nil {
		t.Errorf("annotation %q, template %t, vApp %v", vm.Config.Annotation, vm.Config.Template, vm.Config.VAppConfig)
	}
	if *vm.Parent != d.folder("k8s").Reference() {
		t.Errorf("parent %s", vm.Parent)
	}
	e := extra(vm)
	if e["guestinfo.userdata"] != "secret" || e["gantry.node"] != `{"cluster":"c"}` || e["disk.EnableUUID"] != "TRUE" {
		t.Errorf("extra config %v", e)
	}
	if e["gantry.kubernetes-version"] != "1.37.2" {
		t.Error("the template's extra config is not inherited")
	}
	if _, ok := e["absent"]; ok {
		t.Error("a key set to nothing exists")
	}
	cards := nics(vm)
	if len(cards) != 1 {
		t.Fatalf("%d network cards", len(cards))
	}
	if _, ok := cards[0].Backing.(*types.VirtualEthernetCardDistributedVirtualPortBackingInfo); !ok {
		t.Errorf("network backing %T", cards[0].Backing)
	}
	if len(vm.Network) != 1 || vm.Network[0].Type != "DistributedVirtualPortgroup" {
		t.Errorf("networks %v", vm.Network)
	}
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		t.Errorf("power state %s", vm.Runtime.PowerState)
	}
}

func TestCloneKeepsTheTemplatesVAppConfig(t *testing.T) {
	t.Parallel()
	d := start(t)
	vm := d.properties(d.mustClone("n1"), "config")
	if vm.Config.VAppConfig == nil || len(vm.Config.VAppConfig.GetVmConfigInfo().Property) == 0 {
		t.Error("vApp properties are not inherited")
	}
	if vm.Config.Annotation == "" {
		t.Error("the annotation is not inherited")
	}
}

func TestCloneIsRefused(t *testing.T) {
	t.Parallel()
	d := start(t)
	d.mustClone("taken")
	if _, err := d.clone("taken"); !isFault[types.DuplicateName](err) {
		t.Errorf("duplicate name: %v", err)
	}
	host, err := d.finder.HostSystem(d.ctx, "cluster-b/*-1.example.internal")
	d.must(err)
	if _, err := d.clone("n", func(s *types.VirtualMachineCloneSpec) {
		s.Location.Host = types.NewReference(host.Reference())
	}); !isFault[types.InvalidArgument](err) {
		t.Errorf("host of another cluster: %v", err)
	}
	ds, err := d.finder.Datastore(d.ctx, "local-b")
	d.must(err)
	if _, err := d.clone("n", func(s *types.VirtualMachineCloneSpec) {
		s.Location.Datastore = types.NewReference(ds.Reference())
	}); !isFault[types.InvalidDatastore](err) {
		t.Errorf("datastore of another cluster: %v", err)
	}
	for what, change := range map[string]func(*types.VirtualMachineRelocateSpec){
		"pool":      func(l *types.VirtualMachineRelocateSpec) { l.Pool.Value = "resgroup-9999" },
		"datastore": func(l *types.VirtualMachineRelocateSpec) { l.Datastore.Value = "datastore-9999" },
	} {
		if _, err := d.clone("n", func(s *types.VirtualMachineCloneSpec) { change(&s.Location) }); !isFault[types.ManagedObjectNotFound](err) {
			t.Errorf("missing %s: %v", what, err)
		}
	}
	if _, err := d.clone("n", func(s *types.VirtualMachineCloneSpec) { s.Location.Pool = nil }); !isFault[types.InvalidArgument](err) {
		t.Errorf("template without a pool: %v", err)
	}
	if _, err := d.clone("n", d.resize(10)); !isFault[types.InvalidDeviceSpec](err) {
		t.Errorf("shrunk disk: %v", err)
	}
	if _, err := d.clone("n", func(s *types.VirtualMachineCloneSpec) {
		s.Config.DeviceChange = []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationAdd,
			Device: &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{
				VirtualDevice: types.VirtualDevice{Key: -1, Backing: &types.VirtualEthernetCardNetworkBackingInfo{
					VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "no such network"},
				}},
			}}},
		}}
	}); !isFault[types.InvalidDeviceBacking](err) {
		t.Errorf("unknown network: %v", err)
	}
	d.must(d.SetFreeSpace("shared-1", 1<<30))
	if _, err := d.clone("n"); !isFault[types.NoDiskSpace](err) {
		t.Errorf("full datastore: %v", err)
	}
	if _, err := d.clone("n", d.linked); err != nil {
		t.Errorf("a linked clone takes next to nothing: %v", err)
	}
	if left := d.Leftovers(); !slices.Equal(left.VMs, []string{"/dc-1/vm/k8s/n", "/dc-1/vm/k8s/taken"}) {
		t.Errorf("leftovers %+v", left)
	}
}

func TestDuplicateInstanceUUIDIsReplaced(t *testing.T) {
	t.Parallel()
	d := start(t)
	same := func(s *types.VirtualMachineCloneSpec) { s.Config.InstanceUuid = "9a3b7c1e-5d2f-4e6a-8b9c-0d1e2f3a4b5c" }
	a, b := d.properties(d.mustClone("a", same), "config"), d.properties(d.mustClone("b", same), "config")
	if a.Config.InstanceUuid == b.Config.InstanceUuid || b.Config.InstanceUuid == "" {
		t.Errorf("instance uuids %s and %s", a.Config.InstanceUuid, b.Config.InstanceUuid)
	}
}
