package vmwarecluster_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// rolled is a cluster of one control-plane node and two workers whose pool of
// addresses leaves room for one more only where the strategy asks for it.
type rolled struct {
	strategy string
	cpu      string // of the workers; default 2
	template string
	poolEnd  string
	workers  int // default 2
	// snapshots is the directory of etcd's; empty: none are taken.
	snapshots string
}

func (r rolled) config(e *acctest.Environment) string {
	s := shape{controlPlane: 1, workers: r.workers, template: r.template, poolEnd: r.poolEnd}
	if s.workers == 0 {
		s.workers = 2
	}
	if s.poolEnd == "" {
		s.poolEnd = "10.10.183.6"
		if r.strategy == "contract_first" {
			s.poolEnd = "10.10.183.5"
		}
	}
	general := `labels     = { tier = "general" }`
	with := general
	if r.strategy != "" {
		with += "\n      rolling_update = { strategy = \"" + r.strategy + "\" }"
	}
	out := strings.Replace(config(e, s), general, with, 1)
	if r.cpu != "" {
		before, after, _ := strings.Cut(out, "worker_pools = {")
		out = before + "worker_pools = {" + strings.Replace(after, "cpu        = 2", "cpu        = "+r.cpu, 1)
	}
	if r.snapshots != "" {
		out = strings.Replace(out, "worker_pools = {", fmt.Sprintf("etcd_snapshot = { directory = %q }\n  worker_pools = {", r.snapshots), 1)
	}
	return out
}

// rolls are the steps that replace two workers.
func rolls(strategy string, gone1, gone2, new1, new2 string) []string {
	p := func(s string) string { return "prod-general-" + s }
	if strategy == "contract_first" {
		return []string{"delete_node", p(gone1), "create_node", p(new1), "delete_node", p(gone2), "create_node", p(new2)}
	}
	return []string{"create_node", p(new1), "delete_node", p(gone1), "create_node", p(new2), "delete_node", p(gone2)}
}

// saved fails where a directory, if there is one, has not one snapshot.
func saved(directory string) error {
	if directory == "" {
		return nil
	}
	files, err := filepath.Glob(filepath.Join(directory, "prod-*.db"))
	if err == nil && len(files) != 1 {
		err = fmt.Errorf("%d snapshots were taken: %v", len(files), files)
	}
	return err
}

// TestAccClusterRolls changes the workers' CPUs and then the image: each time
// the plan shows the nodes, and nothing is left to do after. A change of the
// strategy alone does nothing.
func TestAccClusterRolls(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"expand_first", "contract_first"} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			e := acctest.New(t)
			cpu := rolls(strategy, "1", "2", "3", "4")
			image := append([]string{"snapshot_etcd", "prod", "create_node", "prod-cp-2", "delete_node", "prod-cp-1"},
				rolls(strategy, "3", "4", "5", "6")...)
			snapshots := ""
			if strategy == "expand_first" {
				snapshots = t.TempDir()
			}
			update := func(steps []string) resource.ConfigPlanChecks {
				checks := showsPlan(steps...)
				checks.PreApply = append(checks.PreApply, plancheck.ExpectResourceAction(cluster, plancheck.ResourceActionUpdate))
				checks.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
				return checks
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: e.Factories(),
				CheckDestroy:             e.CheckDestroy,
				Steps: []resource.TestStep{
					{Config: rolled{strategy: strategy}.config(e)},
					{
						Config:           rolled{strategy: strategy, cpu: "4"}.config(e),
						ConfigPlanChecks: update(cpu),
						ConfigStateChecks: []statecheck.StateCheck{
							keptPlan(cpu...),
							isState("Running"),
							nodeNames("prod-cp-1", "prod-general-3", "prod-general-4"),
						},
					},
					{
						Config:           rolled{strategy: strategy, cpu: "4", template: "gantry-node-1.37.2-nosnap", snapshots: snapshots}.config(e),
						ConfigPlanChecks: update(image),
						Check:            func(*terraform.State) error { return saved(snapshots) },
						ConfigStateChecks: []statecheck.StateCheck{
							keptPlan(image...),
							isState("Running"),
							nodeNames("prod-cp-2", "prod-general-5", "prod-general-6"),
						},
					},
					{
						Config:            rolled{cpu: "4", template: "gantry-node-1.37.2-nosnap", poolEnd: "10.10.183.9", snapshots: snapshots}.config(e),
						ConfigPlanChecks:  update(image), // the list of the plan before
						ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-2", "prod-general-5", "prod-general-6")},
					},
				},
			})
		})
	}
}

// TestAccClusterRollFails rolls to an image that cannot join: the error shows the
// guest's log, no node that serves is gone, and a fixed image resumes it.
func TestAccClusterRollFails(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	broken := rolled{template: "gantry-node-1.36.3"}.config(e)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: rolled{}.config(e)},
			{
				Config: broken,
				ExpectError: says(
					"Unable to update cluster", "prod-cp-2 failed to join", "1.36.3",
					"the rollout stops here, and 3 nodes are left as they are: prod-cp-1, prod-general-1, prod-general-2",
				),
			},
			{
				// Asked again: it fails as before, and makes no second successor.
				Config:      broken,
				ExpectError: says("prod-cp-2 failed to join"),
			},
			{
				Config: rolled{template: "gantry-node-1.37.2-nosnap"}.config(e),
				ConfigPlanChecks: showsPlan("delete_node", "prod-cp-2", "snapshot_etcd", "prod", "create_node", "prod-cp-2", "delete_node", "prod-cp-1",
					"create_node", "prod-general-3", "delete_node", "prod-general-1", "create_node", "prod-general-4", "delete_node", "prod-general-2"),
				ConfigStateChecks: []statecheck.StateCheck{isState("Running"), nodeNames("prod-cp-2", "prod-general-3", "prod-general-4")},
			},
		},
	})
}

// TestAccClusterRollBudget has pools of addresses that just hold a cluster: it is
// refused with numbers where it could never be rolled, before anything is made.
func TestAccClusterRollBudget(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	exact := rolled{poolEnd: "10.10.183.5"}.config(e)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: strings.Split(exact, `resource "gantry_vmware_cluster"`)[0]},
			{
				Config: exact,
				ExpectError: says("The IP pool is too small", "has 5 addresses, 0 in use and 5 free; 6 are needed",
					"1 for the control plane, 2 for worker pool general, 1 for rolling workers (expand_first)", "contract_first"),
			},
			{Config: rolled{strategy: "contract_first"}.config(e)},
			{
				// The strategy may change, and then a roll is refused.
				Config:            exact,
				ConfigStateChecks: []statecheck.StateCheck{isState("Running")},
			},
			{
				Config:      rolled{poolEnd: "10.10.183.5", cpu: "4"}.config(e),
				ExpectError: says("5 in use and 0 free; 1 are needed: 1 for rolling worker pool general", "this cluster holds 5"),
			},
			{Config: exact, ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1", "prod-general-1", "prod-general-2")}},
		},
	})
}

// TestAccClusterRollInterrupted stops the provider at calls all over a roll.
func TestAccClusterRollInterrupted(t *testing.T) {
	t.Parallel()
	for _, strategy := range []string{"expand_first", "contract_first"} {
		t.Run(strategy, func(t *testing.T) {
			t.Parallel()
			acctest.Interrupted{
				Every: 12,
				Before: func(e *acctest.Environment) []resource.TestStep {
					return []resource.TestStep{{Config: rolled{strategy: strategy}.config(e)}}
				},
				Step: func(e *acctest.Environment) resource.TestStep {
					return resource.TestStep{
						Config:            rolled{strategy: strategy, cpu: "4"}.config(e),
						ConfigStateChecks: []statecheck.StateCheck{isState("Running")},
					}
				},
			}.Run(t)
		})
	}
}
