package simulator

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// recording is the inventory of a vCenter as `govc object.save` writes it: a directory
// with one file for each managed object.
type recording struct {
	content types.ServiceContent
	objects []mo.Reference
}

// inventoryTypes are the types of the objects that an inventory consists of, with
// vcsim's object for each and the part of it that is recorded; nil: vcsim has none of
// its own.
var inventoryTypes = map[string]func() (mo.Reference, any){
	"Folder":     func() (mo.Reference, any) { o := new(vcsim.Folder); return o, &o.Folder },
	"Datacenter": func() (mo.Reference, any) { o := new(vcsim.Datacenter); return o, &o.Datacenter },
	"ClusterComputeResource": func() (mo.Reference, any) {
		o := new(vcsim.ClusterComputeResource)
		return o, &o.ClusterComputeResource
	},
	"ComputeResource": nil,
	"HostSystem":      func() (mo.Reference, any) { o := new(vcsim.HostSystem); return o, &o.HostSystem },
	"ResourcePool":    func() (mo.Reference, any) { o := new(vcsim.ResourcePool); return o, &o.ResourcePool },
	"VirtualApp":      func() (mo.Reference, any) { o := new(vcsim.VirtualApp); return o, &o.VirtualApp },
	"Datastore":       func() (mo.Reference, any) { o := new(vcsim.Datastore); return o, &o.Datastore },
	"StoragePod":      func() (mo.Reference, any) { o := new(vcsim.StoragePod); return o, &o.StoragePod },
	"Network":         nil,
	"OpaqueNetwork":   nil,
	"DistributedVirtualPortgroup": func() (mo.Reference, any) {
		o := new(vcsim.DistributedVirtualPortgroup)
		return o, &o.DistributedVirtualPortgroup
	},
	"DistributedVirtualSwitch":       distributedSwitch,
	"VmwareDistributedVirtualSwitch": distributedSwitch,
	"VirtualMachine":                 func() (mo.Reference, any) { o := new(vcsim.VirtualMachine); return o, &o.VirtualMachine },
}

func distributedSwitch() (mo.Reference, any) {
	o := new(vcsim.DistributedVirtualSwitch)
	return o, &o.DistributedVirtualSwitch
}

// readRecording reads the directory of a recording.
func readRecording(dir string) (*recording, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
	if err != nil {
		return nil, err
	}
	r := &recording{}
	seen := map[types.ManagedObjectReference]bool{}
	for _, file := range files {
		obj, err := readObject(file)
		if err != nil {
			return nil, fmt.Errorf("recorded object %s: %w", filepath.Base(file), err)
		}
		if seen[obj.Obj] {
			continue
		}
		seen[obj.Obj] = true
		if err := r.add(obj); err != nil {
			return nil, fmt.Errorf("recorded object %s: %w", filepath.Base(file), err)
		}
	}
	if !seen[vim25.ServiceInstance] {
		return nil, fmt.Errorf("%s holds no recording of a whole vCenter, which begins with its ServiceInstance: "+
			"make one with govc object.save -d DIRECTORY", dir)
	}
	return r, nil
}

func readObject(file string) (types.ObjectContent, error) {
	var obj types.ObjectContent
	f, err := os.Open(file)
	if err != nil {
		return obj, err
	}
	defer func() { _ = f.Close() }()
	decoder := xml.NewDecoder(f)
	decoder.TypeFunc = types.TypeFunc()
	return obj, decoder.Decode(&obj)
}

// add takes the service's content or an object of the inventory. All others are
// vCenter's managers and what they manage, of which the simulator has its own.
func (r *recording) add(content types.ObjectContent) error {
	content.MissingSet = nil // what the recording account might not read
	if content.Obj == vim25.ServiceInstance {
		var service mo.ServiceInstance
		err := mo.LoadObjectContent([]types.ObjectContent{content}, &service)
		r.content = service.Content
		return err
	}
	build, inventory := inventoryTypes[content.Obj.Type]
	switch {
	case !inventory:
	case build == nil:
		plain, err := mo.ObjectContentToType(content, true)
		if err != nil {
			return err
		}
		r.objects = append(r.objects, plain.(mo.Reference))
	default:
		obj, recorded := build()
		if err := mo.LoadObjectContent([]types.ObjectContent{content}, recorded); err != nil {
			return err
		}
		r.objects = append(r.objects, obj)
	}
	return nil
}

// install puts the inventory into a registry and completes what a recording lacks.
func (r *recording) install(ctx *vcsim.Context, home string) error {
	for _, obj := range r.objects {
		ctx.Map.Put(obj)
	}
	if err := ctx.Map.AlignCounter(); err != nil {
		return err
	}
	for _, obj := range r.objects {
		prune(ctx, obj)
		switch o := obj.(type) {
		case *vcsim.VirtualMachine:
			completeVM(ctx, o)
		case *vcsim.ClusterComputeResource:
			completeCluster(o)
		case *vcsim.Datastore:
			if err := completeDatastore(o, home); err != nil {
				return err
			}
		}
	}
	for _, obj := range r.objects {
		if vm, ok := obj.(*vcsim.VirtualMachine); ok && vm.Config.Template {
			if err := createDisks(ctx, vm); err != nil {
				return fmt.Errorf("disks of the template %s: %w", vm.Name, err)
			}
		}
	}
	return nil
}

// createDisks makes empty files for the disks of a template, which clones refer to. A
// disk that is not a file has none, and one in a datastore that was not recorded neither.
func createDisks(ctx *vcsim.Context, vm *vcsim.VirtualMachine) error {
	dc, ok := datacenterOf(ctx, vm.Self)
	if !ok {
		return nil
	}
	for _, device := range vm.Config.Hardware.Device {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		file := new(object.DatastorePath)
		if !file.FromString(diskFile(disk)) {
			continue
		}
		ds, ok := ctx.Map.FindByName(file.Datastore, dc.Datastore).(*vcsim.Datastore)
		if !ok {
			continue
		}
		if err := os.MkdirAll(filepath.Join(ds.Summary.Url, filepath.Dir(file.Path)), 0o700); err != nil {
			return err
		}
		if _, err := finish(ctx, ctx.Map.VirtualDiskManager().CreateVirtualDiskTask(ctx, &types.CreateVirtualDisk_Task{
			Datacenter: &dc.Self,
			Name:       file.String(),
			Spec:       &types.FileBackedVirtualDiskSpec{CapacityKb: max(disk.CapacityInKB, disk.CapacityInBytes/1024)},
		})); err != nil {
			return vimError(err)
		}
	}
	return nil
}

// prune drops references to objects of the inventory that are not in the recording:
// the recording account could not see them.
func prune(ctx *vcsim.Context, obj mo.Reference) {
	missing := func(ref types.ManagedObjectReference) bool {
		_, inventory := inventoryTypes[ref.Type]
		return inventory && ctx.Map.Get(ref) == nil
	}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			field := v.Field(i)
			if !field.CanSet() {
				continue
			}
			if refs, ok := field.Addr().Interface().(*[]types.ManagedObjectReference); ok {
				*refs = slices.DeleteFunc(*refs, missing)
			} else if v.Type().Field(i).Anonymous && field.Kind() == reflect.Struct {
				walk(field)
			}
		}
	}
	walk(reflect.ValueOf(obj).Elem())
}

// completeVM gives a machine what vcsim and the simulator read of each: one whose files
// could not be reached has no configuration, and snapshots are not recorded.
func completeVM(ctx *vcsim.Context, vm *vcsim.VirtualMachine) {
	if vm.Config == nil {
		vm.Config = &types.VirtualMachineConfigInfo{Name: vm.Name}
	}
	if vm.Guest == nil {
		vm.Guest = new(types.GuestInfo)
	}
	if vm.Summary.Guest == nil {
		vm.Summary.Guest = new(types.VirtualMachineGuestSummary)
	}
	if vm.Snapshot == nil {
		return
	}
	var add func(trees []types.VirtualMachineSnapshotTree)
	add = func(trees []types.VirtualMachineSnapshotTree) {
		for _, tree := range trees {
			snapshot := new(vcsim.VirtualMachineSnapshot)
			snapshot.Self = tree.Snapshot
			snapshot.Vm = vm.Self
			snapshot.Config = *vm.Config
			ctx.Map.Put(snapshot)
			add(tree.ChildSnapshotList)
		}
	}
	add(vm.Snapshot.RootSnapshotList)
}

// completeCluster makes the configuration of a compute cluster one that vcsim can work
// on.
func completeCluster(c *vcsim.ClusterComputeResource) {
	if _, ok := c.ConfigurationEx.(*types.ClusterConfigInfoEx); !ok {
		c.ConfigurationEx = &types.ClusterConfigInfoEx{DrsConfig: c.Configuration.DrsConfig}
	}
}

// completeDatastore lets a datastore have its files in a directory of the simulator.
func completeDatastore(ds *vcsim.Datastore, home string) error {
	dir := filepath.Join(home, ds.Self.Value)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("datastore directory: %w", err)
	}
	if ds.Info == nil {
		ds.Info = &types.DatastoreInfo{Name: ds.Name, FreeSpace: ds.Summary.FreeSpace}
	}
	ds.Info.GetDatastoreInfo().Url = dir
	ds.Summary.Url = dir
	return nil
}

// root is the root folder of the inventory.
func (r *recording) root() (mo.Folder, error) {
	for _, obj := range r.objects {
		if folder, ok := obj.(*vcsim.Folder); ok && folder.Self == r.content.RootFolder {
			return folder.Folder, nil
		}
	}
	return mo.Folder{}, fmt.Errorf("the recording lacks the root folder %s: record the whole vCenter", r.content.RootFolder.Value)
}

// summary says what the simulator makes of a recording.
func (r *recording) summary() string {
	counts := map[string]int{}
	for _, obj := range r.objects {
		counts[obj.Reference().Type]++
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[name], name))
	}
	return fmt.Sprintf("recording of %s: %s%s", r.content.About.FullName, strings.Join(words, ", "), recordingLimits)
}

// recordingLimits are what a recording cannot show.
const recordingLimits = `
A recording holds no tags, sessions, tasks, privileges, storage policies or contents of disks: there are no zone tags,
Gantry's ledger starts empty, every privilege is granted, and recorded VMs keep their state until something changes it.
New VMs boot imitated guests of any Kubernetes version, in compute clusters and not on standalone hosts.`

// Recorded says what the simulator makes of the recording that it serves; empty
// without one.
func (s *Simulator) Recorded() string { return s.recorded }
