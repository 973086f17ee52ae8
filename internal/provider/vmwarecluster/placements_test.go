package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// onPlacements is a cluster of one control-plane node on placements, the bodies of objects in HCL.
func onPlacements(e *acctest.Environment, placements ...string) string {
	const shared = ` datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id `
	list := make([]string, len(placements))
	for i, place := range placements {
		if !strings.Contains(place, "network") {
			place += "," + shared
		}
		list[i] = "{ " + place + " }"
	}
	config := config(e, shape{controlPlane: 1, workers: 0})
	at := strings.Index(config, "placements = [") + len("placements = [")
	return config[:at] + strings.Join(list, ", ") + config[at+strings.Index(config[at:], "]"):]
}

const (
	onA = `compute_cluster = "cluster-a"`
	onB = `compute_cluster = "cluster-b"`
)

// TestAccClusterControlPlanePlacements has a control plane with several placements, which have
// the network and the IP pool in common, and moves it between them.
func TestAccClusterControlPlanePlacements(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	const onOther = onB + `, datastore = "shared-1", ip_pool_id = `
	network := onOther + `gantry_ip_pool.nodes.id, network = "dvpg-other"`
	const pool = onOther + `"44444444-4444-4444-8444-444444444444", network = "dvpg-nodes"`
	const otherPool = onA + `, datastore = "shared-1", ip_pool_id = "44444444-4444-4444-8444-444444444444", network = "dvpg-nodes"`
	at := func(part string) string { return "control_plane.placements[1]." + part }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: onPlacements(e, onA, network), PlanOnly: true,
				ExpectError: says("Another network of the control plane", at("network"), "dvpg-other", "share one network and one IP pool"),
			},
			{
				Config:      onPlacements(e, otherPool, onOther+`"55555555-5555-4555-8555-555555555555", network = "dvpg-nodes"`),
				PlanOnly:    true,
				ExpectError: says("Another IP pool of the control plane", at("ip_pool_id"), "share one network and one IP pool"),
			},
			{Config: onPlacements(e), PlanOnly: true, ExpectError: says("control_plane.placements", "at least 1")},
			{Config: onPlacements(e, onA), ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1")}},
			// Known by now, where it was not in the first plan.
			{Config: onPlacements(e, onA, pool), PlanOnly: true, ExpectError: says("Another IP pool of the control plane", at("ip_pool_id"))},
			{
				Config: onPlacements(e, otherPool), PlanOnly: true,
				ExpectError: says("In-place change not supported", "control_plane.placements[0].ip_pool_id", "The VIP"),
			},
			{Config: onPlacements(e, onB, onA), ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1")}},
			{
				Config:            onPlacements(e, onB),
				ConfigPlanChecks:  showsPlan("snapshot_etcd", "prod", "create_node", "prod-cp-2", "delete_node", "prod-cp-1"),
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-2"), isState("Running")},
			},
		},
	})
}
