package vmwarecluster_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccClusterNameTemplate names nodes by a template, and those that come after a change of
// it by another one. The load balancer keeps its name, and with that its lease.
func TestAccClusterNameTemplate(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	named := func(workers int, extra string) string {
		return leased(e, shape{controlPlane: 1, workers: workers, extra: extra})
	}
	const later = `name_template = "{pool}-{n}-{cluster}"`
	created := showsPlan("create_record", "prod", "create_folder", "k8s/prod", "create_load_balancer", "k1lb",
		"create_node", "k1cp1", "create_node", "k1general1")
	created.PostApplyPostRefresh = shownUpdate().PostApplyPostRefresh
	without := created // a plan without steps keeps those of the last one
	without.PreApply = []plancheck.PlanCheck{plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate)}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:            named(1, `name_template = "k1{pool}{n}"`),
				ConfigPlanChecks:  created,
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("k1lb", "k1cp1", "k1general1"), isState("Running")},
			},
			{
				Config:            named(1, later),
				ConfigPlanChecks:  without,
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("k1lb", "k1cp1", "k1general1")},
			},
			{
				Config:            named(2, later),
				ConfigPlanChecks:  shownUpdate("create_node", "general-2-prod"),
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("k1lb", "k1cp1", "k1general1", "general-2-prod")},
			},
			{
				Config:           named(2, later+"\n"+`replace_nodes = ["k1general1"]`),
				ConfigPlanChecks: shownUpdate("create_node", "general-3-prod", "delete_node", "k1general1"),
				ConfigStateChecks: []statecheck.StateCheck{
					nodeNames("k1lb", "k1cp1", "general-2-prod", "general-3-prod"), isState("Running"),
				},
			},
			{
				Config:           named(2, later+"\n"+`load_balancer = { memory_gb = 3 }`),
				ConfigPlanChecks: shownUpdate("replace_load_balancer", "k1lb"),
			},
		},
	})
}
