package simulator

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// buildMu serialises the making of inventories: vcsim copies its host and
// resource-pool models out of package variables while it writes to them.
var buildMu sync.Mutex

// datacenter is one datacenter of the standard inventory.
type datacenter struct {
	name       string
	clusters   []cluster
	shared     string   // datastore that all hosts mount
	portgroups []string // of one distributed switch
	folders    []string

	datastoreClusters []DatastoreCluster
}

type cluster struct {
	name  string
	local string // datastore that only this cluster's hosts mount
	drs   bool
	hosts int
}

var standardDatacenters = []datacenter{
	{
		name: PrimaryDatacenter,
		clusters: []cluster{
			{name: "cluster-a", local: "local-a", drs: true},
			{name: "cluster-b", local: "local-b", drs: true},
			{name: "cluster-c", local: "local-c"},
		},
		shared:     "shared-1",
		portgroups: []string{"dvpg-nodes", "dvpg-b"},
		folders:    []string{"k8s", "templates"},
	},
	{
		name:       SecondaryDatacenter,
		clusters:   []cluster{{name: "cluster-d", local: "local-d", drs: true}},
		shared:     "shared-2",
		portgroups: []string{"dvpg-nodes-2"},
		folders:    []string{"k8s", "templates"},
	},
}

// otherClusters are compute clusters of at most otherHostsPerCluster hosts.
func otherClusters(hosts int) (all []cluster) {
	for ; hosts > 0; hosts -= otherHostsPerCluster {
		name := fmt.Sprintf("other-%d", len(all)+1)
		all = append(all, cluster{name: name, local: "local-" + name, drs: true, hosts: min(hosts, otherHostsPerCluster)})
	}
	return all
}

// builder makes an inventory by calling vcsim's methods directly.
type builder struct {
	ctx  *vcsim.Context
	home string // directory of the datastores
	opts Options
}

// build makes the standard inventory and returns the references of the
// datacenters and compute clusters by name.
func (b *builder) build() (map[string]types.ManagedObjectReference, error) {
	refs := make(map[string]types.ManagedObjectReference)
	root := b.rootFolder()
	for _, d := range standardDatacenters {
		if d.name == PrimaryDatacenter {
			d.datastoreClusters = b.opts.Inventory.DatastoreClusters
			d.clusters = slices.Concat(d.clusters, otherClusters(b.opts.Inventory.OtherHosts))
		}
		res := root.CreateDatacenter(b.ctx, &types.CreateDatacenter{This: root.Self, Name: d.name})
		if err := faultError(res); err != nil {
			return nil, fmt.Errorf("create datacenter %s: %w", d.name, err)
		}
		dc := b.ctx.Map.Get(res.(*methods.CreateDatacenterBody).Res.Returnval).(*vcsim.Datacenter)
		refs[d.name] = dc.Self
		if err := b.datacenter(dc, d, refs); err != nil {
			return nil, fmt.Errorf("datacenter %s: %w", d.name, err)
		}
	}
	return refs, nil
}

func (b *builder) datacenter(dc *vcsim.Datacenter, d datacenter, refs map[string]types.ManagedObjectReference) error {
	dvs, err := b.distributedSwitch(dc, d)
	if err != nil {
		return err
	}
	for _, name := range d.allShared() {
		if err := os.MkdirAll(filepath.Join(b.home, name), 0o700); err != nil {
			return fmt.Errorf("datastore directory: %w", err)
		}
	}
	for _, c := range d.clusters {
		ref, err := b.cluster(dc, d, c, dvs)
		if err != nil {
			return fmt.Errorf("compute cluster %s: %w", c.name, err)
		}
		refs[c.name] = ref
	}
	for _, pod := range d.datastoreClusters {
		if err := b.datastoreCluster(dc, pod); err != nil {
			return fmt.Errorf("datastore cluster %s: %w", pod.Name, err)
		}
	}
	folder := b.ctx.Map.Get(dc.VmFolder).(*vcsim.Folder)
	for _, name := range d.folders {
		if _, err := b.createFolder(folder, name); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) rootFolder() *vcsim.Folder {
	return b.ctx.Map.Get(serviceContent(b.ctx).RootFolder).(*vcsim.Folder)
}

func (b *builder) createFolder(parent *vcsim.Folder, name string) (*vcsim.Folder, error) {
	res := parent.CreateFolder(b.ctx, &types.CreateFolder{This: parent.Self, Name: name})
	if err := faultError(res); err != nil {
		return nil, fmt.Errorf("folder %s: %w", name, err)
	}
	return b.ctx.Map.Get(res.(*methods.CreateFolderBody).Res.Returnval).(*vcsim.Folder), nil
}

func (b *builder) distributedSwitch(dc *vcsim.Datacenter, d datacenter) (*vcsim.DistributedVirtualSwitch, error) {
	folder := b.ctx.Map.Get(dc.NetworkFolder).(*vcsim.Folder)
	created, err := b.run(folder.CreateDVSTask(b.ctx, &types.CreateDVS_Task{
		This: folder.Self,
		Spec: types.DVSCreateSpec{ConfigSpec: &types.VMwareDVSConfigSpec{
			DVSConfigSpec: types.DVSConfigSpec{Name: "dvs-" + d.name},
		}},
	}))
	if err != nil {
		return nil, fmt.Errorf("create distributed switch: %w", err)
	}
	dvs := b.ctx.Map.Get(created.(types.ManagedObjectReference)).(*vcsim.DistributedVirtualSwitch)
	b.awaitTasks() // the switch makes its uplink port group in a task of its own
	b.markUplinks(dvs)
	for _, name := range d.portgroups {
		_, err := b.run(dvs.AddDVPortgroupTask(b.ctx, &types.AddDVPortgroup_Task{
			This: dvs.Self,
			Spec: []types.DVPortgroupConfigSpec{{
				Name:     name,
				Type:     string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding),
				NumPorts: 8,
			}},
		}))
		if err != nil {
			return nil, fmt.Errorf("port group %s: %w", name, err)
		}
	}
	return dvs, nil
}

// markUplinks marks the port groups that a switch made of its own as vCenter does:
// vcsim makes one for its uplinks and leaves it an ordinary one.
func (b *builder) markUplinks(dvs *vcsim.DistributedVirtualSwitch) {
	for _, ref := range dvs.Portgroup {
		group := b.ctx.Map.Get(ref).(*vcsim.DistributedVirtualPortgroup)
		group.Config.Uplink = types.NewBool(true)
		group.Tag = append(group.Tag, types.Tag{Key: "SYSTEM/DVS.UPLINKPG"})
		dvs.Config.GetDVSConfigInfo().UplinkPortgroup = append(dvs.Config.GetDVSConfigInfo().UplinkPortgroup, ref)
	}
}

func (b *builder) cluster(
	dc *vcsim.Datacenter, d datacenter, c cluster, dvs *vcsim.DistributedVirtualSwitch,
) (types.ManagedObjectReference, error) {
	var none types.ManagedObjectReference
	folder := b.ctx.Map.Get(dc.HostFolder).(*vcsim.Folder)
	res := folder.CreateClusterEx(b.ctx, &types.CreateClusterEx{This: folder.Self, Name: c.name})
	if err := faultError(res); err != nil {
		return none, err
	}
	obj := b.ctx.Map.Get(res.(*methods.CreateClusterExBody).Res.Returnval).(*vcsim.ClusterComputeResource)
	obj.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig.Enabled = types.NewBool(c.drs)
	obj.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig.DefaultVmBehavior = types.DrsBehaviorFullyAutomated

	if err := os.MkdirAll(filepath.Join(b.home, c.local), 0o700); err != nil {
		return none, fmt.Errorf("datastore directory: %w", err)
	}
	hosts := cmp.Or(c.hosts, b.opts.Inventory.HostsPerCluster)
	for i := range hosts {
		name := fmt.Sprintf("%s-host-%d.example.internal", c.name, i+1)
		if err := b.host(obj, name, append(d.allShared(), c.local), dvs); err != nil {
			return none, fmt.Errorf("host %s: %w", name, err)
		}
	}

	if err := b.groups(obj); err != nil {
		return none, err
	}
	pool := b.ctx.Map.Get(*obj.ResourcePool).(*vcsim.ResourcePool)
	res = pool.CreateResourcePool(b.ctx, &types.CreateResourcePool{
		This: pool.Self, Name: "gantry", Spec: types.DefaultResourceConfigSpec(),
	})
	if err := faultError(res); err != nil {
		return none, fmt.Errorf("resource pool: %w", err)
	}
	child := b.ctx.Map.Get(res.(*methods.CreateResourcePoolBody).Res.Returnval).(*vcsim.ResourcePool)
	for _, p := range []*vcsim.ResourcePool{pool, child} {
		p.Runtime = unlimited(int64(hosts))
	}
	// vcsim appends to slices that it reads without a lock; with no spare
	// capacity an append by a reader copies instead of writing.
	obj.Host, obj.Network, obj.Datastore = slices.Clip(obj.Host), slices.Clip(obj.Network), slices.Clip(obj.Datastore)
	return obj.Self, nil
}

func (b *builder) host(cluster *vcsim.ClusterComputeResource, name string, datastores []string, dvs *vcsim.DistributedVirtualSwitch) error {
	added, err := b.run(cluster.AddHostTask(b.ctx, &types.AddHost_Task{
		This: cluster.Self, Spec: types.HostConnectSpec{HostName: name}, AsConnected: true,
	}))
	if err != nil {
		return err
	}
	host := b.ctx.Map.Get(added.(types.ManagedObjectReference)).(*vcsim.HostSystem)
	host.Summary.Hardware.MemorySize = hostMemory
	host.Summary.Hardware.NumCpuCores = hostCores
	host.Summary.Hardware.NumCpuThreads = 2 * hostCores
	host.Summary.Hardware.CpuMhz = hostMHz
	host.Config.DateTimeInfo = &types.HostDateTimeInfo{
		SystemClockProtocol: string(types.HostDateTimeInfoProtocolNtp),
		NtpConfig:           &types.HostNtpConfig{Server: []string{"ntp.example.internal"}},
	}
	system := b.ctx.Map.Get(*host.ConfigManager.DatastoreSystem).(*vcsim.HostDatastoreSystem)
	for _, ds := range datastores {
		err := faultError(system.CreateLocalDatastore(b.ctx, &types.CreateLocalDatastore{
			This: system.Self, Name: ds, Path: filepath.Join(b.home, ds),
		}))
		if err != nil {
			return fmt.Errorf("datastore %s: %w", ds, err)
		}
	}
	_, err = b.run(dvs.ReconfigureDvsTask(b.ctx, &types.ReconfigureDvs_Task{
		This: dvs.Self,
		Spec: &types.DVSConfigSpec{Host: []types.DistributedVirtualSwitchHostMemberConfigSpec{{
			Operation: string(types.ConfigSpecOperationAdd), Host: host.Self,
		}}},
	}))
	return err
}

// What each host has.
const (
	hostMemory = 512 << 30
	hostCores  = 32
	hostMHz    = 2600
)

// unlimited is what a resource pool without limits may use of a number of hosts.
func unlimited(hosts int64) types.ResourcePoolRuntimeInfo {
	use := func(most int64) types.ResourcePoolResourceUsage {
		return types.ResourcePoolResourceUsage{UnreservedForPool: most, UnreservedForVm: most, MaxUsage: most}
	}
	return types.ResourcePoolRuntimeInfo{
		Memory:        use(hosts * hostMemory),
		Cpu:           use(hosts * hostCores * hostMHz),
		OverallStatus: types.ManagedEntityStatusGreen,
	}
}

// run waits for the task that a call started and returns its result.
func (b *builder) run(res soap.HasFault) (types.AnyType, error) {
	result, fault := finish(b.ctx, res)
	if fault != nil {
		return nil, vimError(fault)
	}
	return result, nil
}

// awaitTasks waits for all tasks.
func (b *builder) awaitTasks() {
	for _, task := range b.ctx.Map.AllReference("Task") {
		awaitTask(b.ctx, task.(*vcsim.Task))
	}
}
