package zonetag_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const (
	zone = "gantry_zone_tag.zone"
	// untagged is a compute cluster of the standard inventory without a zone tag.
	untagged = "/dc-2/host/cluster-d"
)

func zoneOf(datacenter, cluster, value string) string {
	return fmt.Sprintf("resource \"gantry_zone_tag\" \"zone\" {\n  datacenter = %q\n  compute_cluster = %q\n  value = %q\n}\n",
		datacenter, cluster, value)
}

func regionOf(datacenter, value string) string {
	return fmt.Sprintf("resource \"gantry_zone_tag\" \"region\" {\n  datacenter = %q\n  value = %q\n}\n", datacenter, value)
}

func value(attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(zone, tfjsonpath.New(attribute), check)
}

func action(resourceName string, a plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(resourceName, a)}}
}

// administrator does something in vCenter before a step.
func administrator(t *testing.T, env *acctest.Environment, do func(context.Context, *acctest.Tagging) error) func() {
	t.Helper()
	return func() { env.Tagging(do) }
}

// on expects the tags that an object has.
func on(env *acctest.Environment, path string, want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error { return isOn(env, path, want...) }
}

func isOn(env *acctest.Environment, path string, want ...string) error {
	var failed error
	env.Tagging(func(ctx context.Context, v *acctest.Tagging) error {
		got, err := v.On(ctx, path)
		if err == nil && !slices.Equal(got, want) {
			failed = fmt.Errorf("%s has the tags %q, want %q", path, got, want)
		}
		return err
	})
	return failed
}

// A zone and a region where there is no category yet: made, changed in place, imported, and
// gone in the end but for the categories.
func TestAccZoneTag(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{WithoutZoneTags: true}})
	region := regionOf("dc-1", "eu-1")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy: func(s *terraform.State) error {
			if err := isOn(env, "/dc-1/host/cluster-a"); err != nil {
				return err
			}
			return env.CheckDestroy(s)
		},
		Steps: []resource.TestStep{
			{
				Config: env.Config(region + zoneOf("dc-1", "cluster-a", "eu-1a")),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(zone, tfjsonpath.New("id"), knownvalue.NotNull()),
					plancheck.ExpectUnknownValue(zone, tfjsonpath.New("tag_id")),
				}},
				ConfigStateChecks: []statecheck.StateCheck{value("tag_id", knownvalue.NotNull())},
				Check: resource.ComposeTestCheckFunc(
					on(env, "/dc-1/host/cluster-a", "k8s-zone/eu-1a"), on(env, "/dc-1", "k8s-region/eu-1")),
			},
			{Config: env.Config(region + zoneOf("dc-1", "cluster-a", "eu-1a")), ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop)},
			{
				Config:           env.Config(region + zoneOf("dc-1", "cluster-a", "eu-1b")),
				ConfigPlanChecks: action(zone, plancheck.ResourceActionUpdate),
				Check: resource.ComposeTestCheckFunc(
					on(env, "/dc-1/host/cluster-a", "k8s-zone/eu-1b"), exist(env, "eu-1b")),
			},
			{ResourceName: zone, ImportState: true, ImportStateId: "dc-1/cluster-a", ImportStateVerify: true},
			{ResourceName: "gantry_zone_tag.region", ImportState: true, ImportStateId: "dc-1", ImportStateVerify: true},
			{ // another spelling of the same object
				Config:           env.Config(region + zoneOf("/dc-1", "/dc-1/host/cluster-a", "eu-1b")),
				ConfigPlanChecks: action(zone, plancheck.ResourceActionUpdate),
				Check:            on(env, "/dc-1/host/cluster-a", "k8s-zone/eu-1b"),
			},
			{ // another object
				Config:           env.Config(region + zoneOf("dc-1", "cluster-b", "eu-1b")),
				ConfigPlanChecks: action(zone, plancheck.ResourceActionReplace),
				Check: resource.ComposeTestCheckFunc(
					on(env, "/dc-1/host/cluster-a"), on(env, "/dc-1/host/cluster-b", "k8s-zone/eu-1b")),
			},
		},
	})
}

// exist expects the values that there are of zones.
func exist(env *acctest.Environment, want ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		var failed error
		env.Tagging(func(ctx context.Context, v *acctest.Tagging) error {
			got, err := v.In(ctx, "k8s-zone")
			if err == nil && !slices.Equal(got, want) {
				failed = fmt.Errorf("the zones are %q, want %q", got, want)
			}
			return err
		})
		return failed
	}
}

// The tag is taken off, renamed or deleted by hand, or another one is put in its place.
func TestAccZoneTagDrifts(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))
	fixed := on(env, untagged, "k8s-zone/zone-d")
	step := func(a plancheck.ResourceActionType, do func(context.Context, *acctest.Tagging) error) resource.TestStep {
		return resource.TestStep{
			PreConfig: administrator(t, env, do), Config: config, ConfigPlanChecks: action(zone, a), Check: fixed,
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config, Check: fixed},
			step(plancheck.ResourceActionUpdate, func(ctx context.Context, v *acctest.Tagging) error {
				return v.Detach(ctx, "k8s-zone", "zone-d", untagged)
			}),
			step(plancheck.ResourceActionUpdate, func(ctx context.Context, v *acctest.Tagging) error {
				return v.Edit(ctx, "k8s-zone", "zone-d", "zone-x", "edited by hand")
			}),
			step(plancheck.ResourceActionCreate, func(ctx context.Context, v *acctest.Tagging) error {
				return v.Delete(ctx, "k8s-zone", "zone-d")
			}),
			{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					if err := v.Detach(ctx, "k8s-zone", "zone-d", untagged); err != nil {
						return err
					}
					return v.Attach(ctx, "k8s-zone", "zone-a", untagged)
				}),
				Config:      config,
				ExpectError: acctest.Words(`/dc-2/host/cluster-d has the tag "zone-a" of category k8s-zone already`),
			},
			{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					return v.Detach(ctx, "k8s-zone", "zone-a", untagged)
				}),
				Config: config, Check: fixed,
			},
			// Taken off again, and destroyed: the tag goes, too.
			{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					return v.Detach(ctx, "k8s-zone", "zone-d", untagged)
				}),
				Config: config, PlanOnly: true, ExpectNonEmptyPlan: true,
			},
		},
	})
}
