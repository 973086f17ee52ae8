package vmwarecluster_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// withoutCluster is a configuration of the pool and the account alone.
func withoutCluster(e *acctest.Environment) string {
	before, _, _ := strings.Cut(config(e, shape{controlPlane: 1}), `resource "gantry_vmware_cluster"`)
	return before
}

// meanwhile does something between a plan and its apply.
type meanwhile func()

func (m meanwhile) CheckPlan(context.Context, plancheck.CheckPlanRequest, *plancheck.CheckPlanResponse) {
	m()
}

// TestAccClusterPlanOfACreation shows all steps where all inputs are known.
func TestAccClusterPlanOfACreation(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	want := []string{
		"create_record", "prod", "create_folder", "k8s/prod", "reserve_endpoint", "prod",
		"create_node", "prod-cp-1", "create_node", "prod-general-1",
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: withoutCluster(e)},
			{
				Config:            config(e, shape{controlPlane: 1, workers: 1}),
				ConfigPlanChecks:  showsPlan(want...),
				ConfigStateChecks: []statecheck.StateCheck{keptPlan(want...), isState("Running")},
			},
		},
	})
}

// TestAccClusterWorldMoves changes the world between a plan and its apply.
func TestAccClusterWorldMoves(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	remove := func(name string) func() {
		return func() {
			if err := e.DeleteVM(name); err != nil {
				t.Error(err)
			}
		}
	}
	repair := showsPlan("remove_lost_node", "prod-general-1", "create_node", "prod-general-3")
	repair.PreApply = append(repair.PreApply, meanwhile(remove("prod-general-2")))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{controlPlane: 1, workers: 2})},
			{
				// More is to be done than the plan has shown: nothing is touched.
				PreConfig:        remove("prod-general-1"),
				Config:           config(e, shape{controlPlane: 1, workers: 2}),
				ConfigPlanChecks: repair,
				ExpectError:      says("the plan did not show: remove_lost_node prod-general-2", "Nothing was changed", "Plan again"),
			},
			{
				Config: config(e, shape{controlPlane: 1, workers: 2}),
				ConfigPlanChecks: showsPlan("remove_lost_node", "prod-general-1", "remove_lost_node", "prod-general-2",
					"create_node", "prod-general-3", "create_node", "prod-general-4"),
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1", "prod-general-3", "prod-general-4"), isState("Running")},
			},
			{
				// Less is to be done: what has become unnecessary is left out.
				Config: config(e, shape{controlPlane: 1, workers: 1}),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(cluster, planned(), changes("delete_node", "prod-general-4")),
					meanwhile(remove("prod-general-4")),
				}},
				ConfigStateChecks: []statecheck.StateCheck{keptPlan("delete_node", "prod-general-4"), nodeNames("prod-cp-1", "prod-general-3")},
			},
		},
	})
}

// TestAccClusterImport loses a cluster's state, is refused to build it again,
// and imports it: the plan after that is empty but for the account's password and the
// proxy's, which is given again although a proxy cannot change.
func TestAccClusterImport(t *testing.T) {
	e := acctest.New(t)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	t.Setenv("GANTRY_IMPORT_KUBECONFIG", kubeconfig)
	const proxy = `proxy = { http = "http://u:hunter2@p:3128", https = "http://u:hunter2@p:3128", no_proxy = "local" }`
	whole := config(e, shape{controlPlane: 1, workers: 1, extra: proxy})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: whole,
				Check: func(s *terraform.State) error {
					return os.WriteFile(kubeconfig, []byte(s.RootModule().Resources[cluster].Primary.Attributes["kubeconfig"]), 0o600)
				},
			},
			{
				ResourceName: cluster, ImportState: true, ImportStateId: "prod", ImportStateVerify: true,
				// Secrets are not stored, and the kubeconfig is always issued anew.
				ImportStateVerifyIgnore: []string{
					"cloud_account", "proxy", "kubeconfig", "kubernetes_client_configuration", "planned_changes", "conditions",
				},
			},
			{
				Config:      withoutCluster(e) + "removed {\n  from = gantry_vmware_cluster.prod\n  lifecycle {\n    destroy = false\n  }\n}\n",
				ExpectError: nil,
			},
			{Config: whole, PlanOnly: true, ExpectError: says(`Cluster "prod" exists`, "import it")},
			{
				Config: whole + "import {\n  to = gantry_vmware_cluster.prod\n  id = \"prod\"\n}\n",
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate)},
				},
			},
			{Config: whole, PlanOnly: true},
		},
	})
}
