package simulator_test

import (
	"testing"

	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestOtherHosts has compute clusters that are full and one with the rest.
func TestOtherHosts(t *testing.T) {
	t.Parallel()
	d := start(t, func(o *simulator.Options) {
		o.Inventory.OtherHosts = 120
		o.Inventory.OtherVMs = 129
	})
	v, err := view.NewManager(d.client.Client).CreateContainerView(d.ctx, d.client.ServiceContent.RootFolder,
		[]string{"ClusterComputeResource"}, true)
	d.must(err)
	var clusters []mo.ClusterComputeResource
	d.must(v.Retrieve(d.ctx, []string{"ClusterComputeResource"}, []string{"name", "host"}, &clusters))
	hosts := map[string]int{}
	for _, c := range clusters {
		hosts[c.Name] = len(c.Host)
	}
	if len(hosts) != 7 || hosts["other-1"] != 50 || hosts["other-2"] != 50 || hosts["other-3"] != 20 || hosts["cluster-a"] != 3 {
		t.Errorf("hosts of compute clusters: %v", hosts)
	}

	running := map[string]bool{}
	for _, vm := range d.allVMs("runtime", "summary") {
		running[vm.Runtime.Host.Value] = true
	}
	if len(running) != 129 {
		t.Errorf("%d hosts have a VM, want each of 129", len(running))
	}
}
