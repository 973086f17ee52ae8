package zonetag_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// A renamed compute cluster keeps its tag, under the former name and under the present one.
func TestAccZoneTagRenamed(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))},
			{
				PreConfig: func() {
					if err := env.Rename(untagged, "cluster-renamed"); err != nil {
						t.Error(err)
					}
				},
				Config:           env.Config(zoneOf("dc-2", "cluster-d", "zone-d")),
				ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop),
			},
			{
				Config:           env.Config(zoneOf("dc-2", "cluster-renamed", "zone-d")),
				ConfigPlanChecks: action(zone, plancheck.ResourceActionUpdate),
				Check:            on(env, "/dc-2/host/cluster-renamed", "k8s-zone/zone-d"),
			},
		},
	})
}

// A tag outlives the compute cluster that it was made for, and goes with the resource: when
// that is removed, or when another compute cluster has the name.
func TestAccZoneTagOutlivesItsObject(t *testing.T) {
	t.Parallel()
	const other = "/dc-1/host/cluster-b"
	env := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{WithoutZoneTags: true}})
	config := env.Config(zoneOf("dc-1", "cluster-a", "z"))
	remove := func(path string) func() {
		return func() {
			if err := env.RemoveComputeCluster(path); err != nil {
				t.Error(err)
			}
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             exist(env),
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: remove("/dc-1/host/cluster-a"), Config: config,
				ExpectError: acctest.Words(`Unknown compute cluster "cluster-a"`),
			},
			{
				PreConfig: func() {
					if err := env.Rename(other, "cluster-a"); err != nil {
						t.Error(err)
					}
				},
				Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionReplace),
				Check: resource.ComposeTestCheckFunc(on(env, "/dc-1/host/cluster-a", "k8s-zone/z"), exist(env, "z")),
			},
			{
				PreConfig: remove("/dc-1/host/cluster-a"),
				Config:    env.Config(`data "gantry_zone_tags" "all" { datacenter = "dc-1" }`),
				Check:     exist(env),
			},
		},
	})
}

// A name that does not exist is an error on its attribute.
func TestAccZoneTagOfNothing(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	refused := func(config, words string) resource.TestStep {
		return resource.TestStep{Config: env.Config(config), PlanOnly: true, ExpectError: acctest.Words(words)}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			refused(zoneOf("dc-3", "cluster-d", "z"), `Unknown datacenter "dc-3"`),
			refused(zoneOf("dc-2", "cluster-a", "z"), `Unknown compute cluster "cluster-a"`),
			refused(zoneOf("dc-2", "cluster-d", "no label"), "The value cannot be a node label"),
			refused(zoneOf("dc-2", "cluster-d", ""), "The value cannot be a node label"),
			refused(zoneOf("dc-2", "cluster-d", "z")+`
resource "gantry_zone_tag" "again" {
  datacenter      = "/dc-2"
  compute_cluster = "cluster-d"
  value           = "y"
}`, "Another gantry_zone_tag of this configuration gives /dc-2/host/cluster-d the value"),
		},
	})
}

// A tag that may not be listed is not missing: it stays in the state, and is there again.
func TestAccZoneTagHidden(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: func() {
					if err := env.DenyPrivilegeOn(env.Username(), "System.Read", simulator.GlobalPermission); err != nil {
						t.Error(err)
					}
				},
				Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop),
			},
			{PreConfig: env.RestorePrivileges, Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop)},
		},
	})
}

// forgotten takes the zone tag out of the state, and leaves it in vCenter.
const forgotten = `removed {
  from = gantry_zone_tag.zone
  lifecycle { destroy = false }
}`

// What made a tag is in no state any more, as where a run was killed: the next creation uses
// the tag and leaves it, because another state may have it; who imports it, owns it.
func TestAccZoneTagOfALostState(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		again func(config string) resource.TestStep
		left  []string
	}{
		"created again": {func(config string) resource.TestStep {
			return resource.TestStep{Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionCreate)}
		}, []string{"k8s-zone/zone-d"}},
		"imported": {func(config string) resource.TestStep {
			return resource.TestStep{
				Config: config, ResourceName: zone, ImportState: true, ImportStateId: "dc-2/cluster-d", ImportStatePersist: true,
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			config := env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				CheckDestroy:             func(*terraform.State) error { return isOn(env, untagged, c.left...) },
				Steps: []resource.TestStep{
					{Config: config},
					{Config: env.Config(forgotten)},
					c.again(config),
					{Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop), Check: on(env, untagged, "k8s-zone/zone-d")},
				},
			})
		})
	}
}

// Another creation of the run uses the tag, as where create_before_destroy replaces the
// resource: what is deposed leaves it to that one.
func TestAccZoneTagDeposed(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := func(trigger int) string {
		return env.Config(fmt.Sprintf(`
resource "terraform_data" "trigger" { input = %d }
resource "gantry_zone_tag" "zone" {
  datacenter      = "dc-2"
  compute_cluster = "cluster-d"
  value           = "zone-d"
  lifecycle {
    create_before_destroy = true
    replace_triggered_by  = [terraform_data.trigger]
  }
}`, trigger))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(1)},
			{
				Config:           config(2),
				ConfigPlanChecks: action(zone, plancheck.ResourceActionCreateBeforeDestroy),
				Check:            on(env, untagged, "k8s-zone/zone-d"),
			},
			{Config: config(2), ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop)},
		},
	})
}

// Who does not read the whole inventory does not know what else has a tag, and keeps it.
func TestAccZoneTagOfALimitedAccount(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy: func(*terraform.State) error {
			if err := isOn(env, untagged); err != nil {
				return err
			}
			return exist(env, "zone-a", "zone-b", "zone-c", "zone-d")(nil)
		},
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: func() {
					if err := env.DenyPrivilegeOn(env.Username(), "System.Read", "/dc-1"); err != nil {
						t.Error(err)
					}
				},
				Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop),
			},
		},
	})
}

// Each privilege that setting a tag takes is named where it is missing, and an account that
// may attach alone can use a tag that is there.
func TestAccZoneTagPrivileges(t *testing.T) {
	t.Parallel()
	for _, privilege := range []string{"CreateCategory", "CreateTag", "AttachTag", "ObjectAttachable"} {
		t.Run(privilege, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{WithoutZoneTags: true}})
			config := env.Config(zoneOf("dc-1", "cluster-a", "z"))
			words := "vSphere Tagging > Create vSphere Tag"
			if privilege == "CreateCategory" {
				words = "govc tags.category.create -m=false -t ClusterComputeResource k8s-zone"
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				CheckDestroy:             env.CheckDestroy,
				Steps: []resource.TestStep{
					{
						PreConfig: func() { env.DenyPrivilege(env.Username(), "InventoryService.Tagging."+privilege) },
						Config:    config, ExpectError: acctest.Words(words),
					},
					{PreConfig: env.RestorePrivileges, Config: config, Check: on(env, "/dc-1/host/cluster-a", "k8s-zone/z")},
				},
			})
		})
	}
	t.Run("a tag that is there", func(t *testing.T) {
		t.Parallel()
		env := acctest.New(t)
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: env.Factories(),
			CheckDestroy:             func(*terraform.State) error { return isOn(env, untagged) },
			Steps: []resource.TestStep{{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					err := v.Attach(ctx, "k8s-zone", "theirs", untagged)
					if err == nil {
						err = v.Detach(ctx, "k8s-zone", "theirs", untagged)
					}
					env.DenyPrivilege(env.Username(), "InventoryService.Tagging.CreateTag")
					return err
				}),
				Config: env.Config(zoneOf("dc-2", "cluster-d", "theirs")),
				Check:  on(env, untagged, "k8s-zone/theirs"),
			}},
		})
	})
}
