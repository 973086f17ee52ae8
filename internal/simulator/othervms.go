package simulator

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/google/uuid"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	// MaxOtherVMs is the largest Inventory.OtherVMs: their addresses leave the
	// upper half of dvpg-nodes to IP pools.
	MaxOtherVMs = 16_000

	otherFolders = 10
	otherDiskGB  = 10

	otherHostsPerCluster = 50
)

// otherNetworks are the port groups of the other VMs and the first address on each.
var otherNetworks = []struct {
	portgroup string
	first     netip.Addr
}{
	{"dvpg-nodes", netip.MustParseAddr("10.10.128.16")},
	{"dvpg-b", netip.MustParseAddr("10.20.0.16")},
}

// otherPlaces are where the other VMs run; each list is used round-robin.
type otherPlaces struct {
	folders  []*vcsim.Folder
	hosts    []otherHost
	networks []*vcsim.DistributedVirtualPortgroup
	store    *vcsim.Datastore
}

type otherHost struct {
	host        *vcsim.HostSystem
	pool        *vcsim.ResourcePool
	environment types.ManagedObjectReference
}

// createOtherVMs adds running VMs that Gantry does not own to the primary
// datacenter. vcsim creates the first; the others are copies of it that go
// straight into the registry, since a create call for each takes minutes.
func (s *Simulator) createOtherVMs(b *builder) error {
	n := s.opts.Inventory.OtherVMs
	if n == 0 {
		return nil
	}
	if n < 0 || n > MaxOtherVMs {
		return fmt.Errorf("%d is not between 0 and %d", n, MaxOtherVMs)
	}

	places, err := b.otherPlaces()
	if err != nil {
		return err
	}
	first, err := s.createOtherVM(b, places)
	if err != nil {
		return err
	}
	for i := 1; i < n; i++ {
		s.copyOtherVM(b.ctx, first, places, i)
	}
	return nil
}

// otherPlaces creates the folders and finds hosts, port groups and datastore.
func (b *builder) otherPlaces() (*otherPlaces, error) {
	dc := b.ctx.Map.FindByName(PrimaryDatacenter, b.rootFolder().ChildEntity).(*vcsim.Datacenter)
	places := &otherPlaces{store: b.ctx.Map.FindByName("shared-1", dc.Datastore).(*vcsim.Datastore)}

	parent, err := b.createFolder(b.ctx.Map.Get(dc.VmFolder).(*vcsim.Folder), "other")
	if err != nil {
		return nil, err
	}
	for i := range otherFolders {
		folder, err := b.createFolder(parent, fmt.Sprintf("team-%d", i+1))
		if err != nil {
			return nil, err
		}
		places.folders = append(places.folders, folder)
	}

	for _, ref := range b.ctx.Map.Get(dc.HostFolder).(*vcsim.Folder).ChildEntity {
		cluster := b.ctx.Map.Get(ref).(*vcsim.ClusterComputeResource)
		pool := b.ctx.Map.Get(*cluster.ResourcePool).(*vcsim.ResourcePool)
		for _, host := range cluster.Host {
			places.hosts = append(places.hosts, otherHost{
				host:        b.ctx.Map.Get(host).(*vcsim.HostSystem),
				pool:        pool,
				environment: *cluster.EnvironmentBrowser,
			})
		}
	}

	for _, network := range otherNetworks {
		portgroup := b.ctx.Map.FindByName(network.portgroup, dc.Network).(*vcsim.DistributedVirtualPortgroup)
		places.networks = append(places.networks, portgroup)
	}
	return places, nil
}

// createOtherVM creates the VM that all others are copies of.
func (s *Simulator) createOtherVM(b *builder, places *otherPlaces) (*vcsim.VirtualMachine, error) {
	folder := places.folders[0]
	at := places.hosts[0]
	name := otherName(0)
	created, err := b.run(folder.CreateVMTask(b.ctx, &types.CreateVM_Task{
		This: folder.Self,
		Pool: at.pool.Self,
		Host: &at.host.Self,
		Config: types.VirtualMachineConfigSpec{
			Name:         name,
			GuestId:      string(types.VirtualMachineGuestOsIdentifierUbuntu64Guest),
			Version:      "vmx-19",
			NumCPUs:      2,
			MemoryMB:     4096,
			Uuid:         uuid.NewString(),
			InstanceUuid: uuid.NewString(),
			Files:        &types.VirtualMachineFileInfo{VmPathName: "[" + places.store.Name + "] " + name},
			DeviceChange: s.newDevices(1, otherDiskGB, portgroupBacking(b.ctx, places.networks[0])),
		},
	}))
	if err != nil {
		return nil, err
	}
	vm := b.ctx.Map.Get(created.(types.ManagedObjectReference)).(*vcsim.VirtualMachine)
	s.setPowerState(b.ctx, vm, types.VirtualMachinePowerStatePoweredOn)
	setGuest(b.ctx, vm, []netip.Addr{otherAddress(0)}, name, true)
	return vm, nil
}

// copyOtherVM registers a copy of the first VM as the one of index i.
func (s *Simulator) copyOtherVM(ctx *vcsim.Context, first *vcsim.VirtualMachine, places *otherPlaces, i int) {
	folder := places.folders[i%len(places.folders)]
	at := places.hosts[i%len(places.hosts)]
	network := places.networks[i%len(places.networks)]

	vm := &vcsim.VirtualMachine{
		VirtualMachine: renamedCopy(first.VirtualMachine, otherName(0), otherName(i)),
		DataSets:       make(map[string]*vcsim.DataSet),
	}
	ctx.Map.NewEntity(vm)
	vm.Summary.Vm = types.NewReference(vm.Self)
	vm.Config.Uuid = uuid.NewString()
	vm.Config.InstanceUuid = uuid.NewString()
	vm.Summary.Config.Uuid = vm.Config.Uuid
	vm.Summary.Config.InstanceUuid = vm.Config.InstanceUuid

	vm.Runtime.Host = types.NewReference(at.host.Self)
	vm.Summary.Runtime.Host = types.NewReference(at.host.Self)
	vm.ResourcePool = types.NewReference(at.pool.Self)
	vm.EnvironmentBrowser = at.environment
	vm.Network = []types.ManagedObjectReference{network.Self}

	nic := firstNIC(vm)
	nic.MacAddress = s.newMAC()
	nic.Backing = portgroupBacking(ctx, network)
	address := otherAddress(i)
	vm.Guest.IpAddress = address.String()
	vm.Summary.Guest.IpAddress = address.String()
	vm.Guest.Net = guestNICs(ctx, vm, []netip.Addr{address})

	folder.ChildEntity = append(folder.ChildEntity, vm.Self)
	ctx.Map.PutEntity(folder, vm)
	at.host.Vm = append(at.host.Vm, vm.Self)
	at.pool.Vm = append(at.pool.Vm, vm.Self)
	network.Vm = append(network.Vm, vm.Self)
	places.store.Vm = append(places.store.Vm, vm.Self)
}

// otherName has a fixed width, so that no name is a part of another.
func otherName(i int) string { return fmt.Sprintf("other-%05d", i+1) }

func otherAddress(i int) netip.Addr {
	raw := otherNetworks[i%len(otherNetworks)].first.As4()
	offset := i / len(otherNetworks)
	host := int(raw[2])<<8 | int(raw[3])
	raw[2] = byte((host + offset) >> 8)
	raw[3] = byte(host + offset)
	return netip.AddrFrom4(raw)
}

func portgroupBacking(ctx *vcsim.Context, portgroup *vcsim.DistributedVirtualPortgroup) types.BaseVirtualDeviceBackingInfo {
	dvs := ctx.Map.Get(*portgroup.Config.DistributedVirtualSwitch).(*vcsim.DistributedVirtualSwitch)
	return &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
		Port: types.DistributedVirtualSwitchPortConnection{PortgroupKey: portgroup.Key, SwitchUuid: dvs.Uuid},
	}
}

// renamedCopy copies a VM deeply and replaces its name in every string, paths too.
func renamedCopy(vm mo.VirtualMachine, from, to string) mo.VirtualMachine {
	var dst mo.VirtualMachine
	copyValue(reflect.ValueOf(&dst).Elem(), reflect.ValueOf(vm), func(text string) string {
		return strings.ReplaceAll(text, from, to)
	})
	return dst
}

func copyValue(dst, src reflect.Value, text func(string) string) {
	switch src.Kind() {
	case reflect.String:
		dst.SetString(text(src.String()))
	case reflect.Pointer, reflect.Interface:
		copyReferent(dst, src, text)
	case reflect.Slice:
		if src.IsNil() {
			return
		}
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		for i := range src.Len() {
			copyValue(dst.Index(i), src.Index(i), text)
		}
	case reflect.Struct:
		dst.Set(src) // unexported fields, as those of time.Time
		for i := range src.NumField() {
			if src.Type().Field(i).IsExported() {
				copyValue(dst.Field(i), src.Field(i), text)
			}
		}
	default:
		dst.Set(src)
	}
}

func copyReferent(dst, src reflect.Value, text func(string) string) {
	if src.IsNil() {
		return
	}
	referent := reflect.New(src.Elem().Type())
	copyValue(referent.Elem(), src.Elem(), text)
	if src.Kind() == reflect.Interface {
		referent = referent.Elem()
	}
	dst.Set(referent)
}
