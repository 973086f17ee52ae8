package vsphere_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// TestHostIsNamedOnlyWithoutDRS: nodes of a pool spread over the hosts that are
// connected, not in maintenance mode, and reach datastore and network; the hosts that
// have fewer machines get more. Two of seven are such hosts.
func TestHostIsNamedOnlyWithoutDRS(t *testing.T) {
	t.Parallel()
	ref := func(kind, value string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: kind, Value: value}
	}
	list := func(refs ...types.ManagedObjectReference) types.ArrayOfManagedObjectReference {
		return types.ArrayOfManagedObjectReference{ManagedObjectReference: refs}
	}
	ds, net1 := ref("Datastore", "ds"), ref("Network", "net")
	cluster := ref("ClusterComputeResource", "cl")
	config := func(drs any) any {
		if drs == nil {
			return nil
		}
		return types.ClusterConfigInfoEx{DrsConfig: types.ClusterDrsConfigInfo{Enabled: types.NewBool(drs.(bool))}}
	}
	type host struct {
		name        string
		maintenance bool
		state       types.HostSystemConnectionState
		datastores  []types.ManagedObjectReference
		networks    []types.ManagedObjectReference
		machines    int
	}
	connected := types.HostSystemConnectionStateConnected
	both := []types.ManagedObjectReference{ds}
	nets := []types.ManagedObjectReference{net1}
	world := func(drs any, hosts ...host) []types.ObjectContent {
		var refs []types.ManagedObjectReference
		var world []types.ObjectContent
		for _, h := range hosts {
			refs = append(refs, ref("HostSystem", h.name))
			var vms []types.ManagedObjectReference
			for i := range h.machines {
				vms = append(vms, ref("VirtualMachine", fmt.Sprintf("%s-%d", h.name, i)))
			}
			world = append(world, types.ObjectContent{Obj: ref("HostSystem", h.name), PropSet: []types.DynamicProperty{
				{Name: "name", Val: h.name}, {Name: "parent", Val: cluster}, {Name: "runtime.inMaintenanceMode", Val: h.maintenance},
				{Name: "runtime.connectionState", Val: h.state},
				{Name: "datastore", Val: list(h.datastores...)}, {Name: "network", Val: list(h.networks...)}, {Name: "vm", Val: list(vms...)},
			}})
		}
		return append(world, types.ObjectContent{Obj: cluster, PropSet: []types.DynamicProperty{
			{Name: "name", Val: "cl"}, {Name: "configurationEx", Val: config(drs)}, {Name: "host", Val: list(refs...)},
		}})
	}
	hosts := []host{
		{"h1", false, connected, both, nets, 3},
		{"h2", false, connected, both, nets, 0},
		{"in maintenance", true, connected, both, nets, 0},
		{"disconnected", false, types.HostSystemConnectionStateDisconnected, both, nets, 0},
		{"not responding", false, types.HostSystemConnectionStateNotResponding, both, nets, 0},
		{"without the datastore", false, connected, nil, nets, 0},
		{"without the network", false, connected, both, nil, 0},
	}
	var reqs []model.CloneRequest
	for i := range 5 {
		reqs = append(reqs, model.CloneRequest{
			UUID:   fmt.Sprintf("uuid-%d", i),
			Marker: model.Marker{Cluster: clusterID, NodePool: "general"},
			Placement: model.ResolvedPlacement{
				ComputeCluster: cluster.String(), ComputeClusterName: "cl", Datastore: ds.String(), Network: model.Network{Ref: net1.String()},
			},
		})
	}
	reqs = append(reqs, reqs[4]) // a retry
	for _, drs := range []any{false, nil} {
		got, err := vsphere.HostsFor(world(drs, hosts...), reqs...)
		if want := []string{"h2", "h1", "h2", "h1", "h2", "h2"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("with DRS %v: hosts %v, want %v: %v", drs, got, want, err)
		}
	}
	got, err := vsphere.HostsFor(world(true, hosts...), reqs[:1]...)
	if err != nil || !slices.Equal(got, []string{""}) {
		t.Errorf("with DRS: hosts %q, %v", got, err)
	}
	_, err = vsphere.HostsFor(world(false, hosts[2:]...), reqs[:1]...)
	if err == nil || !strings.Contains(err.Error(), `compute cluster "cl" has no DRS`) {
		t.Errorf("without a host: %v", err)
	}
}

// TestWithoutDRSAClonedNodeNamesItsHost: vCenter refuses one that names none.
func TestWithoutDRSAClonedNodeNamesItsHost(t *testing.T) {
	t.Parallel()
	v := start(t)
	site := v.site(placed(func(p *model.Placement) { p.ComputeCluster = "cluster-c" }))
	seen := map[string]int{}
	for _, name := range []string{"prod-cp-1", "prod-cp-2", "prod-cp-3"} {
		seen[v.vm(v.cloneOff(request(site, name))).Runtime.Host.Value]++
	}
	if len(seen) != 3 {
		t.Errorf("three nodes are on the hosts %v", seen)
	}
	calls := v.calls(func() { v.survey(nil) })
	if calls.Total != 2 {
		t.Errorf("the survey, which reads the hosts, took %+v", calls)
	}
}
