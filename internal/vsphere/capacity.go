package vsphere

import (
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// usedMemory is how much of a host's memory is in use, in MB.
const usedMemory = "summary.quickStats.overallMemoryUsage"

// hosts are the hosts of a compute cluster, and what each reaches of a placement: of several
// datastores, one.
func (inv *inventory) hosts(cluster *node, datastores []*node, network types.ManagedObjectReference) []model.Host {
	var hosts []model.Host
	for _, ref := range cluster.refs("host") {
		n := inv.nodes[ref]
		host := model.Host{Name: ref.Value, Down: hostDown(n)}
		if n != nil {
			host.Name = n.name
			mounted := n.refs("datastore")
			host.Datastore = slices.ContainsFunc(datastores, func(d *node) bool { return slices.Contains(mounted, d.ref) })
			host.Network = slices.Contains(n.refs("network"), network)
			host.Threads = int32(value[int16](n.properties, "summary.hardware.numCpuThreads"))
			host.CoreMHz = int64(value[int32](n.properties, "summary.hardware.cpuMhz"))
			memory := value[int64](n.properties, "summary.hardware.memorySize")
			host.MemoryGB = memory >> 30
			if used, known := n.values[usedMemory].(int32); known && memory > 0 {
				free := max(0, memory-int64(used)<<20) >> 30
				host.FreeGB = &free
			}
			host.NoTime = lacksTime(n)
		}
		hosts = append(hosts, host)
	}
	return hosts
}

// lacksTime reports whether a host is known to take its time from nowhere: it has no server of
// NTP, and does not take it from the network's clock (PTP) either.
func lacksTime(host *node) bool {
	info, known := host.values["config.dateTimeInfo"].(types.HostDateTimeInfo)
	if !known || info.SystemClockProtocol == string(types.HostDateTimeInfoProtocolPtp) {
		return false
	}
	return info.NtpConfig == nil || len(info.NtpConfig.Server) == 0
}

// spaceOf is the space of datastores; nil where vCenter does not say that of one.
func spaceOf(datastores ...*node) *model.Room {
	all := &model.Room{}
	for _, n := range datastores {
		free, known := n.values["summary.freeSpace"].(int64)
		if !known {
			return nil
		}
		all.FreeGB += max(0, free>>30)
		all.TotalGB += value[int64](n.properties, "summary.capacity") >> 30
	}
	return all
}

// memoryOf is the memory that a resource pool may use: vCenter has taken its limit and
// those of the pools above it into account.
func memoryOf(pool *node) *model.Room {
	most, known := pool.values["runtime.memory.maxUsage"].(int64)
	if !known {
		return nil
	}
	used := value[int64](pool.properties, "runtime.memory.overallUsage")
	return &model.Room{FreeGB: max(0, (most-used)>>30), TotalGB: most >> 30}
}

// cpuLimit is what a resource pool may use of its compute cluster's CPUs, in MHz; 0
// where it may use all.
func (inv *inventory) cpuLimit(pool, cluster *node) int64 {
	if cluster == nil {
		return 0
	}
	root := inv.nodes[value[types.ManagedObjectReference](cluster.properties, "resourcePool")]
	most := value[int64](pool.properties, "runtime.cpu.maxUsage")
	if root == nil || most >= value[int64](root.properties, "runtime.cpu.maxUsage") {
		return 0
	}
	return most
}
