package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// createFirst makes Terraform create the successor before it destroys.
const createFirst = "lifecycle {\n    create_before_destroy = true\n  }"

// dependentCreatesFirst does so by a resource that depends on the cluster.
const dependentCreatesFirst = `
resource "terraform_data" "app" {
  triggers_replace = gantry_vmware_cluster.prod.network.pod_cidr
  lifecycle {
    create_before_destroy = true
  }
}
`

func replaces() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionReplace)}}
}

// TestAccClusterReplacement replaces a cluster: its creation is planned with every
// check, as if its former self were gone.
func TestAccClusterReplacement(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	// Its addresses do not do for two at a time, and cool down in between.
	running := shape{controlPlane: 1, poolEnd: "10.10.183.4", reuseDelay: "2s"}
	moved, elsewhere, renamed := running, running, running
	moved.podCIDR = "172.20.0.0/16"
	elsewhere.podCIDR, elsewhere.computeCluster = moved.podCIDR, "nowhere"
	renamed.name, renamed.folder = "other", "k8s/other"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, running)},
			{Config: config(e, elsewhere), ExpectError: says("nowhere")},
			{Config: config(e, running), PlanOnly: true},
			{Config: config(e, moved), ConfigPlanChecks: replaces(), ConfigStateChecks: []statecheck.StateCheck{isState("Running")}},
			{Config: config(e, moved), Taint: []string{cluster}, ConfigPlanChecks: replaces()},
			{Config: config(e, renamed), ConfigPlanChecks: replaces()},
			{Config: config(e, renamed), PlanOnly: true},
		},
	})
}

// TestAccClusterReplacementCreatesFirst asks for a successor before a running cluster
// is destroyed. Of the same name there cannot be one: nothing is touched, and the
// cluster is still the current object.
func TestAccClusterReplacementCreatesFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ lifecycle, dependent string }{
		"itself":             {lifecycle: createFirst},
		"what depends on it": {dependent: dependentCreatesFirst},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := acctest.New(t)
			running := shape{controlPlane: 1, extra: c.lifecycle}
			moved, renamed, later := running, running, running
			moved.podCIDR = "172.20.0.0/16"
			renamed.name, renamed.folder, renamed.podCIDR = "other", "k8s/other", "172.20.0.0/16"
			later.extra = ""
			whole := func(s shape) string { return config(e, s) + c.dependent }
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: e.Factories(),
				CheckDestroy:             e.CheckDestroy,
				Steps: []resource.TestStep{
					{Config: whole(running)},
					{Config: whole(moved), ExpectError: says("Unable to create cluster", "create_before_destroy")},
					{Config: whole(running), PlanOnly: true},
					{Config: whole(running), Taint: []string{cluster}, ExpectError: says("Unable to create cluster", "create_before_destroy")},
					{
						Config:            config(e, later) + strings.ReplaceAll(c.dependent, "true", "false"),
						ConfigPlanChecks:  replaces(),
						ConfigStateChecks: []statecheck.StateCheck{isState("Running")},
					},
					{Config: whole(renamed), ConfigPlanChecks: replaces(), ConfigStateChecks: []statecheck.StateCheck{isState("Running")}},
					{Config: whole(renamed), PlanOnly: true},
				},
			})
		})
	}
}

// TestAccClusterReplacementOfAFailedCreation takes over what a creation has left that
// failed: its destruction, which comes after, deletes nothing of the new one.
func TestAccClusterReplacementOfAFailedCreation(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	first := config(e, shape{controlPlane: 1, workers: 1, extra: createFirst})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				PreConfig: func() {
					if err := e.AddFault(simulator.Fault{Kind: simulator.FailTask, Call: "CloneVM_Task", Fault: "NoDiskSpace"}); err != nil {
						t.Error(err)
					}
				},
				Config:      first,
				ExpectError: says("Unable to create cluster", "space"),
			},
			{
				Config:            first,
				ConfigPlanChecks:  replaces(),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-1", "prod-general-1")},
			},
			{Config: first, PlanOnly: true, ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1", "prod-general-1")}},
		},
	})
}

// TestAccClusterReplacementOnItsAddresses renames a cluster that is created first, on a
// pool that does not do for two: nothing is touched.
func TestAccClusterReplacementOnItsAddresses(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	running := shape{controlPlane: 1, poolEnd: "10.10.183.4", extra: createFirst}
	renamed := running
	renamed.name = "other"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, running)},
			{Config: config(e, renamed), ExpectError: says("Unable to create cluster", "The IP pool is too small")},
			{Config: config(e, running), PlanOnly: true},
		},
	})
}
