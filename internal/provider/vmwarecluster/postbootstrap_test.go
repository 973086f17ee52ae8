package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccClusterRunsCommandsAgain creates a cluster on whose worker a command fails: it is
// Degraded, the next plan says what runs it again, and an apply after
// which it has passed leaves nothing to do.
func TestAccClusterRunsCommandsAgain(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	written := awaitsRepair(e)
	passed := showsPlan("update_node_metadata", "prod-general-1", "restart_node", "prod-general-1")
	passed.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:             written,
				ConfigStateChecks:  []statecheck.StateCheck{isState("Degraded"), nodeNames("prod-cp-1", "prod-general-1")},
				ExpectNonEmptyPlan: true,
			},
			{
				PreConfig:         func() { must(t, e.MakeFile("prod-general-1", "/run/repaired")) },
				Config:            written,
				ConfigPlanChecks:  passed,
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-1", "prod-general-1")},
			},
		},
	})
}

// TestAccClusterRunsCommandsAgainOnce lets the command fail again after the restart: that is
// an error, and no later plan restarts the node unasked.
func TestAccClusterRunsCommandsAgainOnce(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	written := awaitsRepair(e)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: written, ExpectNonEmptyPlan: true},
			{Config: written, ExpectError: says("restart_node prod-general-1", "command 001 of post-bootstrap failed")},
			{Config: written, ConfigStateChecks: []statecheck.StateCheck{isState("Degraded"), nodeNames("prod-cp-1", "prod-general-1")}},
			{Config: written, PlanOnly: true},
		},
	})
}

// awaitsRepair is a cluster on whose worker a command fails until a file is there.
func awaitsRepair(e *acctest.Environment) string {
	const labels = `labels     = { tier = "general" }`
	return strings.Replace(config(e, shape{controlPlane: 1, workers: 1}), labels,
		labels+"\n      post_bootstrap = [\"test -e /run/repaired\"]", 1)
}
