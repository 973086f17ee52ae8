package datacenters_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func TestAccDatacenters(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{DatastoreClusters: []simulator.DatastoreCluster{
		{Name: "pod-1", Datastores: []string{"pod-1b", "pod-1a"}, StorageDRS: true}, {Name: "pod-2", Datastores: []string{"pod-2a"}},
	}, HostGroups: []simulator.HostGroup{{ComputeCluster: "cluster-a", Name: "right"}, {ComputeCluster: "cluster-a", Name: "left"}},
		VMGroups: []simulator.VMGroup{{ComputeCluster: "cluster-a", Name: "licensed"}}}})
	for _, datastore := range []string{"pod-1a", "pod-1b"} {
		if err := env.SetFreeSpace(datastore, 40<<30); err != nil {
			t.Fatal(err)
		}
	}
	at := func(check knownvalue.Check, keys ...string) statecheck.StateCheck {
		p := tfjsonpath.New("datacenters")
		for _, k := range keys {
			p = p.AtMapKey(k)
		}
		return statecheck.ExpectKnownValue("data.gantry_datacenters.all", p, check)
	}
	name := knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{{
			Config: env.Config(`data "gantry_datacenters" "all" {}`),
			ConfigStateChecks: []statecheck.StateCheck{
				at(name("/dc-2"), "dc-2", "path"),
				at(knownvalue.MapSizeExact(3), "dc-1", "compute_clusters"),
				at(knownvalue.Int64Exact(3), "dc-1", "compute_clusters", "cluster-a", "hosts"),
				at(knownvalue.ListPartial(map[int]knownvalue.Check{0: name("local-a"), 4: name("shared-1")}),
					"dc-1", "compute_clusters", "cluster-a", "datastores"),
				at(knownvalue.ListExact([]knownvalue.Check{name("pod-1"), name("pod-2")}),
					"dc-1", "compute_clusters", "cluster-a", "datastore_clusters"),
				at(knownvalue.ListExact([]knownvalue.Check{name("left"), name("right")}), "dc-1", "compute_clusters", "cluster-a", "host_groups"),
				at(knownvalue.ListSizeExact(0), "dc-1", "compute_clusters", "cluster-b", "host_groups"),
				at(knownvalue.ListExact([]knownvalue.Check{name("licensed")}), "dc-1", "compute_clusters", "cluster-a", "vm_groups"),
				at(name("/dc-1/datastore/pod-1"), "dc-1", "datastore_clusters", "pod-1", "path"),
				at(name("/dc-1/datastore/pod-1/pod-1a"), "dc-1", "datastores", "pod-1a", "path"),
				at(knownvalue.ListExact([]knownvalue.Check{name("pod-1a"), name("pod-1b")}), "dc-1", "datastore_clusters", "pod-1", "datastores"),
				at(knownvalue.Int64Exact(80), "dc-1", "datastore_clusters", "pod-1", "free_gb"),
				at(knownvalue.Bool(true), "dc-1", "datastore_clusters", "pod-1", "storage_drs"),
				at(knownvalue.Bool(false), "dc-1", "datastore_clusters", "pod-2", "storage_drs"),
				at(knownvalue.MapSizeExact(0), "dc-2", "datastore_clusters"),
				at(knownvalue.ListPartial(map[int]knownvalue.Check{0: name("Resources"), 1: name("Resources/gantry")}),
					"dc-1", "compute_clusters", "cluster-a", "resource_pools"),
				at(knownvalue.Bool(true), "dc-1", "datastores", "shared-1", "accessible"),
				at(name("DistributedVirtualPortgroup"), "dc-1", "networks", "dvpg-nodes", "type"),
				at(name("Network"), "dc-1", "networks", "VM Network", "type"),
				at(knownvalue.ListPartial(map[int]knownvalue.Check{0: name("k8s"), 1: name("templates")}), "dc-1", "folders"),
				at(name("/dc-1/vm/templates/gantry-node-1.37.2"), "dc-1", "templates", "gantry-node-1.37.2", "path"),
				at(knownvalue.Bool(true), "dc-1", "templates", "gantry-node-1.37.2", "snapshot"),
				at(knownvalue.Bool(false), "dc-1", "templates", "gantry-node-1.37.2-nosnap", "snapshot"),
			},
		}},
	})
}
