package zonetag_test

import (
	"context"
	"errors"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// What an administrator has made and attached stays, also when the resource is destroyed.
func TestAccZoneTagOfAnAdministrator(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attached bool
		left     []string
	}{
		"a tag that is on the object": {true, []string{"k8s-zone/theirs"}},
		"a tag that is on nothing":    {false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				CheckDestroy: func(*terraform.State) error {
					return errors.Join(isOn(env, untagged, c.left...),
						exist(env, "theirs", "zone-a", "zone-b", "zone-c")(nil))
				},
				Steps: []resource.TestStep{{
					PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
						err := v.Attach(ctx, "k8s-zone", "theirs", untagged)
						if err == nil && !c.attached {
							err = v.Detach(ctx, "k8s-zone", "theirs", untagged)
						}
						return err
					}),
					Config: env.Config(zoneOf("dc-2", "cluster-d", "theirs")),
					Check:  on(env, untagged, "k8s-zone/theirs"),
				}},
			})
		})
	}
}

// An administrator's tag that is imported is taken off with the resource, and stays.
func TestAccZoneTagImportedFromAnAdministrator(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := env.Config(zoneOf("dc-2", "cluster-d", "theirs"))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy: func(*terraform.State) error {
			return errors.Join(isOn(env, untagged), exist(env, "theirs", "zone-a", "zone-b", "zone-c")(nil))
		},
		Steps: []resource.TestStep{
			{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					return v.Attach(ctx, "k8s-zone", "theirs", untagged)
				}),
				Config: config, ResourceName: zone, ImportState: true, ImportStateId: "dc-2/cluster-d", ImportStatePersist: true,
			},
			{Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop)},
		},
	})
}

// Who imports an administrator's tag deletes no tag that another state made for the object,
// as one that was taken off by hand.
func TestAccZoneTagImportedBesideAnotherState(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := env.Config(zoneOf("dc-2", "cluster-d", "theirs"))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             exist(env, "theirs", "zone-a", "zone-b", "zone-c", "zone-d"),
		Steps: []resource.TestStep{
			{Config: env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))},
			{Config: env.Config(forgotten)},
			{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					return errors.Join(v.Detach(ctx, "k8s-zone", "zone-d", untagged), v.Attach(ctx, "k8s-zone", "theirs", untagged))
				}),
				Config: config, ResourceName: zone, ImportState: true, ImportStateId: "dc-2/cluster-d", ImportStatePersist: true,
			},
			{Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop)},
		},
	})
}

// An object that has another value is an error of the plan, before anything is touched.
func TestAccZoneTagTaken(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))},
			{
				Config: env.Config(zoneOf("dc-2", "cluster-d", "zone-d") + regionOf("dc-1", "eu-1")), PlanOnly: true,
				ExpectError: acctest.Words(`/dc-1 has the tag "region-1" of category k8s-region already`),
			},
			{ // the first creation of a configuration, too
				Config: env.Config(regionOf("dc-1", "eu-1")), PlanOnly: true,
				ExpectError: acctest.Words(`/dc-1 has the tag "region-1" of category k8s-region already`),
			},
		},
	})
}

// A tag that two objects have is a warning for who plans the second, and goes with the last
// one that it was made for.
func TestAccZoneTagShared(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{WithoutZoneTags: true}})
	first := "resource \"gantry_zone_tag\" \"first\" {\n  datacenter = \"dc-1\"\n  compute_cluster = \"cluster-a\"\n  value = \"z\"\n}\n"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		// Made for cluster-a, and it stays: when its resource went, cluster-b had it.
		CheckDestroy: func(*terraform.State) error {
			return errors.Join(isOn(env, "/dc-1/host/cluster-a"), isOn(env, "/dc-1/host/cluster-b"), exist(env, "z")(nil))
		},
		Steps: []resource.TestStep{
			{Config: env.Config(first)},
			{
				Config: env.Config(first + zoneOf("dc-1", "cluster-b", "z")),
				Check:  on(env, "/dc-1/host/cluster-b", "k8s-zone/z"),
			},
			{
				Config: env.Config(zoneOf("dc-1", "cluster-b", "z")),
				Check: resource.ComposeTestCheckFunc(
					on(env, "/dc-1/host/cluster-b", "k8s-zone/z"), on(env, "/dc-1/host/cluster-a")),
			},
		},
	})
}

// Another tag is put beside the resource's, in a category that allows it: that is a warning,
// and stands in the way of nothing.
func TestAccZoneTagBeside(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{WithoutZoneTags: true}})
	config := env.Config(zoneOf("dc-1", "cluster-a", "mine"))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy: func(*terraform.State) error {
			return errors.Join(isOn(env, "/dc-1/host/cluster-a", "k8s-zone/theirs"), exist(env, "theirs")(nil))
		},
		Steps: []resource.TestStep{
			{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					return v.MakeCategory(ctx, "k8s-zone", "MULTIPLE")
				}),
				Config: config,
			},
			{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					return v.Attach(ctx, "k8s-zone", "theirs", "/dc-1/host/cluster-a")
				}),
				Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop),
				ConfigStateChecks: []statecheck.StateCheck{value("value", knownvalue.StringExact("mine"))},
			},
			{
				Config:      env.Config(zoneOf("dc-1", "cluster-a", "other")),
				ExpectError: acctest.Words(`has the tag "theirs" of category k8s-zone already`),
			},
			{ // The other one's value: the former tag goes.
				Config: env.Config(zoneOf("dc-1", "cluster-a", "theirs")),
				Check:  resource.ComposeTestCheckFunc(on(env, "/dc-1/host/cluster-a", "k8s-zone/theirs"), exist(env, "theirs")),
			},
		},
	})
}

// A category of an administrator's that is not for compute clusters is an error of the plan.
func TestAccZoneTagOfAnotherCategory(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{WithoutZoneTags: true}})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{{
			PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
				return v.MakeCategory(ctx, "k8s-zone", "SINGLE", "HostSystem")
			}),
			Config: env.Config(zoneOf("dc-1", "cluster-a", "z")), PlanOnly: true,
			ExpectError: acctest.Words("govc tags.category.update -t ClusterComputeResource k8s-zone"),
		}},
	})
}

// Whose description an administrator has edited is deleted all the same: the state says who
// made it.
func TestAccZoneTagWithAnEditedDescription(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	config := env.Config(zoneOf("dc-2", "cluster-d", "zone-d"))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config},
			{
				PreConfig: administrator(t, env, func(ctx context.Context, v *acctest.Tagging) error {
					return v.Edit(ctx, "k8s-zone", "zone-d", "zone-d", "Our fourth zone")
				}),
				Config: config, ConfigPlanChecks: action(zone, plancheck.ResourceActionNoop),
			},
		},
	})
}
