package vsphere_test

import (
	"reflect"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// Hosts, space and memory come with the calls that a survey makes anyway.
func TestSurveyReadsHostsAndRoom(t *testing.T) {
	t.Parallel()
	v := start(t)
	v.must(v.SetFreeSpace("shared-1", 30<<30))
	var p model.ResolvedPlacement
	calls := v.calls(func() { p = v.site().Placements[controlPlane] })
	if calls.Total != 2 {
		t.Errorf("a survey took %+v", calls)
	}
	if len(p.Hosts) != 3 || p.Hosts[0].Name != "cluster-a-host-1.example.internal" || p.Hosts[0].Threads != 64 ||
		p.Hosts[0].MemoryGB != 512 || p.Hosts[0].CoreMHz != 2600 {
		t.Errorf("hosts %+v", p.Hosts)
	}
	for _, h := range p.Hosts {
		if !h.Reaches() || h.FreeGB == nil || *h.FreeGB != 510 || h.NoTime {
			t.Errorf("host %+v", h)
		}
	}
	if p.Space == nil || p.Space.FreeGB != 30 || p.Space.TotalGB == 0 || p.Memory == nil || p.Memory.FreeGB != 3*512 || p.CPULimitMHz != 0 {
		t.Errorf("space %+v, memory %+v, CPU limit %d", p.Space, p.Memory, p.CPULimitMHz)
	}
}

func TestHostsTellWhatTheyLack(t *testing.T) {
	t.Parallel()
	ref := func(kind, value string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: kind, Value: value}
	}
	list := func(refs ...types.ManagedObjectReference) types.ArrayOfManagedObjectReference {
		return types.ArrayOfManagedObjectReference{ManagedObjectReference: refs}
	}
	cluster, ds, net := ref("ClusterComputeResource", "cl"), ref("Datastore", "ds"), ref("Network", "net")
	seen := []types.ObjectContent{{Obj: cluster, PropSet: []types.DynamicProperty{{Name: "host", Val: list(ref("HostSystem", "hidden"))}}}}
	add := func(name string, properties ...types.DynamicProperty) {
		h := ref("HostSystem", name)
		hosts := seen[0].PropSet[0].Val.(types.ArrayOfManagedObjectReference)
		seen[0].PropSet[0].Val = list(append(hosts.ManagedObjectReference, h)...)
		properties = append(properties, types.DynamicProperty{Name: "name", Val: name})
		seen = append(seen, types.ObjectContent{Obj: h, PropSet: properties})
	}
	state := func(s types.HostSystemConnectionState) types.DynamicProperty {
		return types.DynamicProperty{Name: "runtime.connectionState", Val: s}
	}
	mounts, connects := types.DynamicProperty{Name: "datastore", Val: list(ds)}, types.DynamicProperty{Name: "network", Val: list(net)}
	add("whole", mounts, connects, state(types.HostSystemConnectionStateConnected))
	add("no-datastore", connects)
	add("no-network", mounts)
	add("maintenance", mounts, connects, types.DynamicProperty{Name: "runtime.inMaintenanceMode", Val: true})
	add("disconnected", mounts, connects, state(types.HostSystemConnectionStateDisconnected))
	add("silent", mounts, connects, state(types.HostSystemConnectionStateNotResponding))
	clock := func(protocol types.HostDateTimeInfoProtocol, servers ...string) types.DynamicProperty {
		info := types.HostDateTimeInfo{SystemClockProtocol: string(protocol), NtpConfig: &types.HostNtpConfig{Server: servers}}
		return types.DynamicProperty{Name: "config.dateTimeInfo", Val: info}
	}
	add("with-ntp", mounts, connects, clock(types.HostDateTimeInfoProtocolNtp, "ntp"))
	add("without-ntp", mounts, connects, clock(types.HostDateTimeInfoProtocolNtp))
	add("with-ptp", mounts, connects, clock(types.HostDateTimeInfoProtocolPtp))
	want := []model.Host{
		{Name: "hidden", Down: "cannot be read"},
		{Name: "whole", Datastore: true, Network: true},
		{Name: "no-datastore", Network: true},
		{Name: "no-network", Datastore: true},
		{Name: "maintenance", Down: "is in maintenance mode", Datastore: true, Network: true},
		{Name: "disconnected", Down: "is disconnected", Datastore: true, Network: true},
		{Name: "silent", Down: "does not respond", Datastore: true, Network: true},
		{Name: "with-ntp", Datastore: true, Network: true},
		{Name: "without-ntp", Datastore: true, Network: true, NoTime: true},
		{Name: "with-ptp", Datastore: true, Network: true},
	}
	if got := vsphere.Hosts(seen, cluster, ds, net); !reflect.DeepEqual(got, want) {
		t.Errorf("hosts %+v", got)
	}
}
