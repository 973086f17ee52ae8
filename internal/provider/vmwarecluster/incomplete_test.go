package vmwarecluster_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// workerFails lets the second clone, a worker's, find a full datastore.
func workerFails(t *testing.T, e *acctest.Environment) func() {
	return func() {
		if err := e.AddFault(simulator.Fault{Kind: simulator.FailTask, Call: "CloneVM_Task", Nth: 2, Fault: "NoDiskSpace"}); err != nil {
			t.Error(err)
		}
	}
}

// TestAccClusterIncompleteCreate creates a cluster of which one worker cannot be
// made: it is kept as Degraded, and the next plan repairs it.
func TestAccClusterIncompleteCreate(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				PreConfig:          workerFails(t, e),
				Config:             config(e, shape{controlPlane: 1, workers: 1}),
				ConfigStateChecks:  []statecheck.StateCheck{isState("Degraded"), nodeNames("prod-cp-1")},
				ExpectNonEmptyPlan: true,
			},
			{
				Config:            config(e, shape{controlPlane: 1, workers: 1}),
				ConfigPlanChecks:  showsPlan("create_node", "prod-general-1"),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-1", "prod-general-1")},
			},
		},
	})
}

// TestAccClusterIncompleteCreateAsError is the same for those who want the error.
func TestAccClusterIncompleteCreateAsError(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	strict := shape{controlPlane: 1, workers: 1, extra: `incomplete_create = "error"`}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				PreConfig:   workerFails(t, e),
				Config:      config(e, strict),
				ExpectError: says("Unable to create cluster", "create_node prod-general-1", "space", "untaint"),
			},
			{Config: config(e, strict), ConfigStateChecks: []statecheck.StateCheck{isState("Running")}},
		},
	})
}
