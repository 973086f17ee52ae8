package zonetag_test

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// vcenter checks what is in vCenter, after the calls of the step were counted.
type vcenter resource.TestCheckFunc

// CheckState implements statecheck.StateCheck.
func (v vcenter) CheckState(_ context.Context, _ statecheck.CheckStateRequest, resp *statecheck.CheckStateResponse) {
	resp.Error = v(nil)
}

func TestAccZoneTagInterruptedCreate(t *testing.T) {
	t.Parallel()
	acctest.Interrupted{
		Options: simulator.Options{Inventory: simulator.Inventory{WithoutZoneTags: true}},
		Step: func(env *acctest.Environment) resource.TestStep {
			return resource.TestStep{
				Config:            env.Config(zoneOf("dc-1", "cluster-a", "a")),
				ConfigStateChecks: []statecheck.StateCheck{vcenter(on(env, "/dc-1/host/cluster-a", "k8s-zone/a"))},
			}
		},
		Every: 3,
	}.Run(t)
}

func TestAccZoneTagInterruptedUpdate(t *testing.T) {
	t.Parallel()
	acctest.Interrupted{
		Before: func(env *acctest.Environment) []resource.TestStep {
			return []resource.TestStep{{Config: env.Config(zoneOf("dc-2", "cluster-d", "before"))}}
		},
		Step: func(env *acctest.Environment) resource.TestStep {
			return resource.TestStep{
				Config: env.Config(zoneOf("dc-2", "cluster-d", "after")),
				ConfigStateChecks: []statecheck.StateCheck{
					vcenter(on(env, untagged, "k8s-zone/after")), vcenter(exist(env, "after", "zone-a", "zone-b", "zone-c")),
				},
			}
		},
		Every: 3,
	}.Run(t)
}

func TestAccZoneTagInterruptedDelete(t *testing.T) {
	t.Parallel()
	acctest.Interrupted{
		Before: func(env *acctest.Environment) []resource.TestStep {
			return []resource.TestStep{{Config: env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))}}
		},
		Step: func(env *acctest.Environment) resource.TestStep {
			return resource.TestStep{
				Config:            env.Config(`data "gantry_zone_tags" "all" { datacenter = "dc-2" }`),
				ConfigStateChecks: []statecheck.StateCheck{vcenter(on(env, untagged)), vcenter(exist(env, "zone-a", "zone-b", "zone-c"))},
			}
		},
		Every: 3,
	}.Run(t)
}
