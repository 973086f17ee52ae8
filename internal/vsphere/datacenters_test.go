package vsphere_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestDatacentersListsWhatThereIs(t *testing.T) {
	t.Parallel()
	v := start(t)
	var all []vsphere.Datacenter
	calls := v.calls(func() {
		var err error
		all, err = v.client.Datacenters(t.Context())
		v.must(err)
	})
	if calls.Total != 1 || len(all) != 2 {
		t.Fatalf("%d datacenters, calls %+v", len(all), calls)
	}
	dc := all[0]
	if dc.Name != "dc-1" || dc.Path != "/dc-1" || len(dc.ComputeClusters) != 3 || len(dc.Folders) != 2 {
		t.Fatalf("datacenter %s", asJSON(t, dc))
	}
	a := dc.ComputeClusters[0]
	if a.Path != "/dc-1/host/cluster-a" || a.Hosts != 3 || !slices.Equal(a.Datastores, []string{"local-a", "shared-1"}) ||
		!slices.Contains(a.Networks, "dvpg-nodes") || len(a.ResourcePools) != 2 ||
		a.ResourcePools[1].Path != "/dc-1/host/cluster-a/Resources/gantry" {
		t.Fatalf("compute cluster %s", asJSON(t, a))
	}
	if len(dc.Templates) != 4 || dc.Templates[0].Path != "/dc-1/vm/templates/gantry-node-1.34.2" ||
		!dc.Templates[0].Snapshot || dc.Templates[3].Snapshot {
		t.Fatalf("templates %s", asJSON(t, dc.Templates))
	}
	if len(dc.Datastores) != 4 || !dc.Datastores[0].Accessible || dc.Datastores[0].CapacityGB == 0 {
		t.Fatalf("datastores %s", asJSON(t, dc.Datastores))
	}
}
