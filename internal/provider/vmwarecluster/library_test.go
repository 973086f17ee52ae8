package vmwarecluster_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAccClusterFromALibrary builds a cluster from an item, which is published anew, and rolls
// to that once it is asked for.
func TestAccClusterFromALibrary(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{Libraries: []simulator.Library{{
		Name: "images", Items: []simulator.LibraryItem{{Name: "node", Descriptor: ovatest.Descriptor(ovatest.Image{})}},
	}}}})
	item := func(item, more string) string {
		return withImage(e, shape{controlPlane: 1, workers: 1, extra: "image_folder = \"images\"\n  deletion_protection = false"},
			fmt.Sprintf(`{ content_library = { library = "images", item = %q%s } }`, item, more))
	}
	nothing := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy: func(*terraform.State) error {
			if left := e.Leftovers(); len(left.VMs) != 2 || len(left.Files) > 0 {
				return fmt.Errorf("left behind: %+v", left)
			}
			return nil
		},
		Steps: []resource.TestStep{
			{Config: withoutCluster(e)},
			{Config: item("nothing", ""), PlanOnly: true, ExpectError: says(`Item "nothing" not found`, "content_library")},
			{
				Config: item("node", ""),
				ConfigPlanChecks: showsPlan("create_record", "prod", "create_folder", "k8s/prod", "reserve_endpoint", "prod",
					"import_image", "images/node", "create_node", "prod-cp-1", "create_node", "prod-general-1"),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-1", "prod-general-1")},
			},
			{
				PreConfig: func() {
					if err := e.Simulator.PublishItem("node", ovatest.Descriptor(ovatest.Image{DiskBytes: 70_000})); err != nil {
						t.Error(err)
					}
				},
				Config: item("node", ""), ConfigPlanChecks: nothing,
			},
			{
				Config:            item("node", `, version = "2"`),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-2", "prod-general-2")},
			},
		},
	})
}
