package vmwarecluster_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccVMTags gives the VMs of a cluster tags of vSphere, shows that the plan puts back what
// a user has removed, and that other tags stay.
func TestAccVMTags(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	ids := map[string]string{}
	for _, tag := range [][3]string{
		{"backup", "daily", "SINGLE"}, {"backup", "weekly", "SINGLE"}, {"tier", "gold", "MULTIPLE"}, {"tier", "own", "MULTIPLE"},
	} {
		id, err := e.MakeTag(tag[0], tag[1], tag[2], "VirtualMachine")
		if err != nil {
			t.Fatal(err)
		}
		ids[tag[0]+"/"+tag[1]] = id
	}
	tagged := func(want map[string][]string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			for vm, tags := range want {
				if got := e.VMTags(vm); !slices.Equal(got, tags) {
					return fmt.Errorf("%s has the tags %v, want %v", vm, got, tags)
				}
			}
			return nil
		}
	}
	change := func(vm, tag string, has bool) func() {
		return func() {
			if err := e.TagVM(vm, ids[tag], has); err != nil {
				t.Error(err)
			}
		}
	}
	first := shape{controlPlane: 1, workers: 1, extra: `vm_tags = ["backup/daily", "tier/gold"]`}
	byID := first
	byID.extra = fmt.Sprintf(`vm_tags = [%q, "backup/daily"]`, ids["tier/gold"])
	weekly := first
	weekly.extra = `vm_tags = ["backup/weekly"]`
	none := first
	none.extra = ""
	both := []string{"backup/daily", "tier/gold"}
	empty := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:           config(e, first),
				ConfigPlanChecks: empty,
				Check:            tagged(map[string][]string{"prod-cp-1": both, "prod-general-1": both}),
			},
			{
				PreConfig:        change("prod-general-1", "tier/gold", false),
				Config:           config(e, first),
				ConfigPlanChecks: showsPlan("update_vm_tags", "prod"),
				Check:            tagged(map[string][]string{"prod-general-1": both}),
			},
			{
				PreConfig:        change("prod-cp-1", "tier/own", true),
				Config:           config(e, byID),
				ConfigPlanChecks: empty,
				Check:            tagged(map[string][]string{"prod-cp-1": {"backup/daily", "tier/gold", "tier/own"}, "prod-general-1": both}),
			},
			{
				Config:           config(e, weekly),
				ConfigPlanChecks: showsPlan("update_vm_tags", "prod"),
				Check:            tagged(map[string][]string{"prod-cp-1": {"backup/weekly", "tier/own"}, "prod-general-1": {"backup/weekly"}}),
			},
			{
				Config:           config(e, none),
				ConfigPlanChecks: showsPlan("update_vm_tags", "prod"),
				Check:            tagged(map[string][]string{"prod-cp-1": {"tier/own"}, "prod-general-1": nil}),
			},
		},
	})
}
