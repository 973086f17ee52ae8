package gateway_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// leased is a configuration whose node takes a lease.
func leased(e *acctest.Environment, s shape) string {
	before, after, _ := strings.Cut(config(e, s), "  ip_pool = {")
	_, after, _ = strings.Cut(after, "\n  }\n")
	return strings.Replace(before, `"static"`, `"dhcp"`, 1) + after
}

// TestAccGatewayDHCP creates a gateway with a lease, rebuilds it, replaces its load balancer
// and destroys it.
func TestAccGatewayDHCP(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	empty := []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	created := plans(plancheck.ResourceActionCreate, "create_record", "dc1", "create_folder", "k8s/dc1", "create_load_balancer", "dc1-lb",
		"create_node", "dc1-cp-1", "apply_pack", "cni", "apply_pack", "agent")
	created.PostApplyPostRefresh = empty
	reset := plans(plancheck.ResourceActionUpdate, "reset_control_plane", "dc1", "delete_node", "dc1-cp-1", "create_node", "dc1-cp-2",
		"apply_pack", "cni", "apply_pack", "agent")
	reset.PostApplyPostRefresh = empty
	replaced := plans(plancheck.ResourceActionUpdate, "replace_load_balancer", "dc1-lb")
	replaced.PostApplyPostRefresh = empty
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{extra: "load_balancer = {}"}), PlanOnly: true, ExpectError: acctest.Words("Load balancer without DHCP")},
			{
				Config:      strings.Replace(config(e, shape{}), `"static"`, `"dhcp"`, 1),
				PlanOnly:    true,
				ExpectError: acctest.Words("IP pool with DHCP"),
			},
			{
				Config: leased(e, shape{}), ConfigPlanChecks: created,
				ConfigStateChecks: []statecheck.StateCheck{
					has("state", knownvalue.StringExact("Running")), has("ip_pool_id", knownvalue.Null()),
				},
			},
			{Config: leased(e, shape{extra: `reset_trigger = "again"`}), ConfigPlanChecks: reset},
			{
				Config:            leased(e, shape{extra: "reset_trigger = \"again\"\n  load_balancer = { memory_gb = 4 }"}),
				ConfigPlanChecks:  replaced,
				ConfigStateChecks: []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))},
			},
		},
	})
}
