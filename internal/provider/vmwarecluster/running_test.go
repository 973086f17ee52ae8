package vmwarecluster_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// upToDate checks the condition that says so of the control plane, which comes last.
func upToDate() statecheck.StateCheck {
	return statecheck.ExpectKnownValue(cluster, tfjsonpath.New("conditions").AtSliceIndex(8), knownvalue.ObjectPartial(
		map[string]knownvalue.Check{
			"type":   knownvalue.StringExact("ControlPlaneUpToDate"),
			"status": knownvalue.StringExact("True"),
		}))
}

// TestAccClusterChangesOnTheRun corrects a wrong SSH key of a running cluster, which
// rolls its nodes; changes what holds for new
// nodes alone; and moves the VMs into another folder. Each time the next plan is empty.
func TestAccClusterChangesOnTheRun(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	const (
		wrong = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
		right = "AAAAC3NzaC1lZDI1NTE5AAAAIHl6iWFpNxyvVBpXPqKuBGAYCGeFPYHMtJbdZ4CXu9Yx"
	)
	with := func(key, folder, extra string) string {
		extra += fmt.Sprintf("\n  ssh_authorized_keys = [\"ssh-ed25519 %s a@example\"]", key)
		return config(e, shape{controlPlane: 1, workers: 1, folder: folder, extra: extra})
	}
	update := func(steps ...string) resource.ConfigPlanChecks {
		checks := showsPlan(steps...)
		checks.PreApply = append(checks.PreApply, plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate))
		checks.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
		return checks
	}
	roll := []string{
		"snapshot_etcd", "prod", "create_node", "prod-cp-2", "delete_node", "prod-cp-1",
		"create_node", "prod-general-2", "delete_node", "prod-general-1",
	}
	const newNodes = "clone_mode = \"full\"\n  image_folder = \"templates\""
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: with(wrong, "", ""), ConfigStateChecks: []statecheck.StateCheck{upToDate()}},
			{
				Config:           with(right, "", ""),
				ConfigPlanChecks: update(roll...),
				ConfigStateChecks: []statecheck.StateCheck{
					upToDate(), isState("Running"), nodeNames("prod-cp-2", "prod-general-2"),
				},
			},
			{Config: with(right, "", newNodes), ConfigPlanChecks: update(roll...)}, // the list of the plan before
			{
				Config:            with(right, "teams/shop", newNodes),
				ConfigPlanChecks:  update("move_nodes", "teams/shop"),
				ConfigStateChecks: []statecheck.StateCheck{upToDate()},
			},
		},
	})
}
