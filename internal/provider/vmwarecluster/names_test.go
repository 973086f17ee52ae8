package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccClusterNamesMeanObjects spells everything in another way, and renames it: what
// is the same is neither replaced nor refused, and runs no step. The state has the
// newest spelling.
func TestAccClusterNamesMeanObjects(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	first := shape{controlPlane: 1, workers: 1, podCIDR: "fd00:244::/56"}
	// IPv4 has one spelling.
	ipv6 := strings.NewReplacer(
		`"10.10.183.1"`, `"fd00:10::1:1"`, `"10.10.183.50"`, `"fd00:10::1:50"`, "= 18", "= 64", "10.10.128.", "fd00:10::",
	)
	service := func(s shape, cidr string) string {
		return ipv6.Replace(strings.Replace(config(e, s), "pod_cidr =", `service_cidr = "`+cidr+`", pod_cidr =`, 1))
	}
	spelled := first
	spelled.podCIDR = "FD00:0244:0::/56"
	spelled.datacenter, spelled.computeCluster, spelled.datastore = "/dc-1", "/dc-1/host/cluster-a", "datastore/shared-1"
	spelled.network, spelled.resourcePool = "/dc-1/network/dvpg-nodes", "cluster-a/Resources/gantry"
	spelled.template, spelled.folder = "/dc-1/vm/templates/gantry-node-1.37.2", "/dc-1/vm/k8s/prod"
	renamed := spelled
	renamed.datacenter, renamed.computeCluster, renamed.datastore = "dc", "compute", "/dc/datastore/shared"
	renamed.network, renamed.resourcePool, renamed.template = "nodes", "team", "node"
	rename := func(pairs ...string) {
		for i := 0; i < len(pairs); i += 2 {
			if err := e.Rename(pairs[i], pairs[i+1]); err != nil {
				t.Error(err)
			}
		}
	}
	const services, otherSpelling = "fd00:96::/112", "fd00:0096::0/112"
	updates := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
		plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate),
	}}
	// No step, so that the list of the plan before stays.
	kept := keptPlan("create_record", "prod", "create_folder", "k8s/prod", "reserve_endpoint", "prod",
		"create_node", "prod-cp-1", "create_node", "prod-general-1")
	value := func(want string, at ...string) statecheck.StateCheck {
		path := tfjsonpath.New(at[0])
		for _, name := range at[1:] {
			path = path.AtMapKey(name)
		}
		return statecheck.ExpectKnownValue(cluster, path, knownvalue.StringExact(want))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: service(first, services)},
			{
				Config: service(spelled, otherSpelling), ConfigPlanChecks: updates,
				ConfigStateChecks: []statecheck.StateCheck{
					kept, nodeNames("prod-cp-1", "prod-general-1"), value("/dc-1", "datacenter"),
					value(spelled.podCIDR, "network", "pod_cidr"), statecheck.ExpectKnownValue(cluster,
						tfjsonpath.New("control_plane").AtMapKey("placements").AtSliceIndex(0).AtMapKey("network"), knownvalue.StringExact(spelled.network)),
				},
			},
			{
				PreConfig: func() {
					rename("/dc-1/network/dvpg-nodes", "nodes", "/dc-1/datastore/shared-1", "shared",
						"/dc-1/host/cluster-a/Resources/gantry", "team", "/dc-1/host/cluster-a", "compute",
						"/dc-1/vm/templates/gantry-node-1.37.2", "node", "/dc-1", "dc")
				},
				Config: service(renamed, otherSpelling), ConfigPlanChecks: updates,
				ConfigStateChecks: []statecheck.StateCheck{
					kept, nodeNames("prod-cp-1", "prod-general-1"), value("dc", "datacenter"),
				},
			},
		},
	})
}
