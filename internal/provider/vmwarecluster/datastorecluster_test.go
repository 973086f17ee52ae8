package vmwarecluster_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAccClusterStorage refuses what is no place for disks, builds a cluster in a datastore
// cluster, has Storage DRS move it, and rolls it to where a storage policy allows it.
func TestAccClusterStorage(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{
		DatastoreClusters: []simulator.DatastoreCluster{{Name: "pod-1", Datastores: []string{"pod-1a", "pod-1b"}, StorageDRS: true}},
		StoragePolicies:   []simulator.StoragePolicy{{Name: "gold", Datastores: []string{"pod-1a"}}},
	}})
	free := func(datastore string, gb int64) {
		if err := e.SetFreeSpace(datastore, gb<<30); err != nil {
			t.Fatal(err)
		}
	}
	free("pod-1a", 100)
	free("pod-1b", 200)
	on := func(storage string) string {
		return onPlacements(e, onA+", "+storage+`network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id`)
	}
	refused := func(storage string, words ...string) resource.TestStep {
		return resource.TestStep{Config: on(storage), PlanOnly: true, ExpectError: says(words...)}
	}
	const at = "control_plane.placements[0]"
	const pod = `datastore_cluster = "pod-1", `
	const gold = `storage_policy = "gold", `
	compliant := func(status string) resource.TestCheckFunc {
		return resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", map[string]string{"type": "StorageCompliant", "status": status})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			refused("", "Datastore missing", at, "Set datastore"),
			refused(pod+`datastore = "pod-1a", `, "More than one storage", at+".datastore_cluster", "remove the others"),
			refused(pod+`storage_policy = "gold", `, "More than one storage", at+".storage_policy"),
			refused(`storage_policy = "silver", `, `Unknown storage policy "silver"`, at+".storage_policy", "Available: gold"),
			refused(`datastore_cluster = "pod-2", `, `Unknown datastore cluster "pod-2"`, at+".datastore_cluster", "Available: pod-1"),
			refused(`datastore = "pod-1", `, `"pod-1" is a datastore cluster`, at+".datastore", "Set datastore_cluster"),
			{Config: on(pod), ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1"), isState("Running")}},
			{
				PreConfig: func() {
					if err := e.MoveStorage("prod-cp-1", "pod-1a"); err != nil {
						t.Fatal(err)
					}
				},
				Config: on(`datastore_cluster = "/dc-1/datastore/pod-1", `), PlanOnly: true, ExpectNonEmptyPlan: true, // it is spelled otherwise
			},
			{Config: on(pod), PlanOnly: true},
			{Config: on(gold), ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-2"), isState("Running")}, Check: compliant("True")},
			{
				PreConfig: func() {
					if err := e.SetStoragePolicy("gold", simulator.StoragePolicy{Name: "gold", Datastores: []string{"pod-1b"}}); err != nil {
						t.Fatal(err)
					}
				},
				RefreshState: true, Check: compliant("False"),
			},
			{Config: on(gold), PlanOnly: true},
		},
	})
}
