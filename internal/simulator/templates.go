package simulator

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/types"
)

const gib = 1 << 30

// What is in an image, in the extra configuration of its template.
const (
	keyKubernetesVersion = "gantry.kubernetes-version"
	keySystem            = "gantry.system"
)

// createTemplate makes a node image in the primary datacenter's folder
// templates, as an OVA that was imported once would look.
func (s *Simulator) createTemplate(b *builder, t Template) error {
	t = t.withDefaults()
	folder, host, pool, err := s.templatePlace(b.ctx)
	if err != nil {
		return err
	}
	created, err := b.run(folder.CreateVMTask(b.ctx, &types.CreateVM_Task{
		This: folder.Self,
		Pool: pool,
		Host: &host,
		Config: types.VirtualMachineConfigSpec{
			Name:              t.Name,
			GuestId:           t.GuestID,
			Firmware:          string(types.GuestOsDescriptorFirmwareTypeEfi),
			Version:           t.HardwareVersion,
			NumCPUs:           2,
			NumCoresPerSocket: types.NewInt32(1),
			MemoryMB:          4096,
			Annotation:        "Kubernetes node image " + t.KubernetesVersion,
			Uuid:              uuid.NewString(),
			InstanceUuid:      uuid.NewString(),
			Files:             &types.VirtualMachineFileInfo{VmPathName: "[" + t.Datastore + "] " + t.Name},
			DeviceChange: s.newDevices(max(1, t.Disks), t.DiskGB, &types.VirtualEthernetCardNetworkBackingInfo{
				VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "VM Network"},
			}),
			ExtraConfig: append([]types.BaseOptionValue{
				&types.OptionValue{Key: keyKubernetesVersion, Value: t.KubernetesVersion},
				&types.OptionValue{Key: keySystem, Value: t.System},
			}, reportsOfANode()...),
		},
	}))
	if err != nil {
		return err
	}
	vm := b.ctx.Map.Get(created.(types.ManagedObjectReference)).(*vcsim.VirtualMachine)
	vm.Guest.Net = nil
	vm.Guest.ToolsVersionStatus2 = string(types.VirtualMachineToolsVersionStatusGuestToolsNotInstalled) // it never ran
	t.describe(vm.Config)
	vm.Config.VAppConfig = &types.VmConfigInfo{
		Product: []types.VAppProductInfo{{Key: 1, Name: "Kubernetes node", Version: t.KubernetesVersion}},
		Property: []types.VAppPropertyInfo{
			{Key: 1, Id: "instance-id", Type: "string", UserConfigurable: types.NewBool(true)},
			{Key: 2, Id: "user-data", Type: "string", UserConfigurable: types.NewBool(true)},
		},
		OvfEnvironmentTransport: []string{"com.vmware.guestInfo"},
	}
	if t.Snapshot {
		if _, err := b.run(vm.CreateSnapshotTask(b.ctx, &types.CreateSnapshot_Task{This: vm.Self, Name: "base"})); err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
	}
	return faultError(vm.MarkAsTemplate(&types.MarkAsTemplate{This: vm.Self}))
}

func (t Template) withDefaults() Template {
	if t.DiskGB == 0 {
		t.DiskGB = 20
	}
	if t.Datastore == "" {
		t.Datastore = "shared-1"
	}
	if t.GuestID == "" && t.GuestName == "" {
		t.GuestID = string(types.VirtualMachineGuestOsIdentifierUbuntu64Guest)
		t.GuestName = "Ubuntu Linux (64-bit)"
	}
	if t.HardwareVersion == "" {
		t.HardwareVersion = "vmx-19"
	}
	return t
}

// describe adds what vcsim takes in no specification.
func (t Template) describe(config *types.VirtualMachineConfigInfo) {
	config.GuestFullName = t.GuestName
	if t.Encrypted {
		config.KeyId = &types.CryptoKeyId{KeyId: uuid.NewString(), ProviderId: &types.KeyProviderId{Id: "keys"}}
	}
	if t.GPU {
		config.Hardware.Device = append(config.Hardware.Device, &types.VirtualPCIPassthrough{VirtualDevice: types.VirtualDevice{
			Key: 13000, DeviceInfo: &types.Description{Label: "PCI device 0", Summary: "A GPU"},
			Backing: &types.VirtualPCIPassthroughDeviceBackingInfo{Id: "0000:3b:00.0"},
		}})
	}
}

// reportsOfANode are what the guest of a node has reported of which a template was made: clones
// have them, too, until the clone call says otherwise.
func reportsOfANode() []types.BaseOptionValue {
	var options []types.BaseOptionValue
	for key, value := range map[string]string{
		"phase": "joined", "log": "+ kubeadm join", "address": "10.10.191.250", "lease": "10.10.191.251",
		"backends": "10.10.191.250", "backends.applied": "10.10.191.250",
	} {
		options = append(options, &types.OptionValue{Key: "guestinfo.gantry." + key, Value: value})
	}
	return options
}

// templatePlace returns the folder, host and pool of the standard templates.
func (s *Simulator) templatePlace(ctx *vcsim.Context) (folder *vcsim.Folder, host, pool types.ManagedObjectReference, err error) {
	for _, e := range ctx.Map.All("Folder") {
		folder, ok := e.(*vcsim.Folder)
		if !ok || folder.Name != "templates" {
			continue
		}
		dc, ok := datacenterOf(ctx, folder.Self)
		if !ok || dc.Name != PrimaryDatacenter {
			continue
		}
		hosts := ctx.Map.Get(dc.HostFolder).(*vcsim.Folder)
		cluster := ctx.Map.Get(hosts.ChildEntity[0]).(*vcsim.ClusterComputeResource)
		return folder, cluster.Host[0], *cluster.ResourcePool, nil
	}
	return nil, host, pool, errors.New("no folder for templates")
}

// newDevices returns disks and a network card with their controller.
func (s *Simulator) newDevices(disks int, diskGB int64, network types.BaseVirtualDeviceBackingInfo) []types.BaseVirtualDeviceConfigSpec {
	const (
		scsiKey = 1000
		diskKey = 2000
		nicKey  = 4000
	)
	add := func(d types.BaseVirtualDevice, op types.VirtualDeviceConfigSpecFileOperation) types.BaseVirtualDeviceConfigSpec {
		return &types.VirtualDeviceConfigSpec{
			Operation:     types.VirtualDeviceConfigSpecOperationAdd,
			FileOperation: op,
			Device:        d,
		}
	}

	scsi := &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{
		SharedBus: types.VirtualSCSISharingNoSharing,
		VirtualController: types.VirtualController{
			VirtualDevice: types.VirtualDevice{Key: scsiKey, ControllerKey: 100, UnitNumber: types.NewInt32(3)},
		},
	}}
	devices := []types.BaseVirtualDeviceConfigSpec{add(scsi, "")}
	for i := range int32(disks) {
		devices = append(devices, add(&types.VirtualDisk{
			VirtualDevice: types.VirtualDevice{
				Key:           diskKey + i,
				ControllerKey: scsiKey,
				UnitNumber:    types.NewInt32(i),
				Backing: &types.VirtualDiskFlatVer2BackingInfo{
					DiskMode:        string(types.VirtualDiskModePersistent),
					ThinProvisioned: types.NewBool(true),
				},
			},
			CapacityInBytes: diskGB * gib,
			CapacityInKB:    diskGB * gib / 1024,
		}, types.VirtualDeviceConfigSpecFileOperationCreate))
	}
	nic := &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: types.VirtualEthernetCard{
		MacAddress:    s.newMAC(),
		AddressType:   string(types.VirtualEthernetCardMacTypeAssigned),
		VirtualDevice: types.VirtualDevice{Key: nicKey, Backing: network},
	}}}
	return append(devices, add(nic, ""))
}

// createLedgerCategory makes the ledger's category, if that is requested.
func (s *Simulator) createLedgerCategory() {
	if s.opts.Inventory.LedgerCategory {
		s.tags.createCategory(tags.Category{
			Name: LedgerCategoryName, Cardinality: "MULTIPLE", AssociableTypes: []string{"ContentLibrary"},
		})
	}
}

// createZoneTags makes the zone tags of the primary datacenter.
func (s *Simulator) createZoneTags(refs map[string]types.ManagedObjectReference) {
	if s.opts.Inventory.WithoutZoneTags {
		return
	}
	region, _ := s.tags.createCategory(tags.Category{
		Name: "k8s-region", Cardinality: "SINGLE", AssociableTypes: []string{"Datacenter"},
	})
	zone, _ := s.tags.createCategory(tags.Category{
		Name: "k8s-zone", Cardinality: "SINGLE", AssociableTypes: []string{"ClusterComputeResource"},
	})
	for _, tag := range []struct{ category, name, object string }{
		{region, "region-1", PrimaryDatacenter},
		{zone, "zone-a", "cluster-a"},
		{zone, "zone-b", "cluster-b"},
		{zone, "zone-c", "cluster-c"},
	} {
		id, _ := s.tags.createTag(tags.Tag{Name: tag.name, CategoryID: tag.category})
		s.tags.attach(id, refs[tag.object])
	}
}
