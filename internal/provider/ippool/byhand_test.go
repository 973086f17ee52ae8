package ippool_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// What people do to the ledger's tags in the vSphere Client, and what comes of
// it.

func empty() resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
}

func counts(allocated int64) []statecheck.StateCheck {
	return []statecheck.StateCheck{value("allocated_addresses", knownvalue.Int64Exact(allocated))}
}

// edit replaces the description of the tag whose name ends in suffix.
func edit(t *testing.T, env *acctest.Environment, suffix, description string) {
	t.Helper()
	if err := env.Tags().Update(t.Context(), env.TagNamed(suffix).ID, description); err != nil {
		t.Fatal(err)
	}
}

// TestClaimDeletedByHand counts what there is.
func TestClaimDeletedByHand(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{PreConfig: func() { claim(t, env, false) }, RefreshState: true},
			{Config: env.Config(small), ConfigPlanChecks: empty(), ConfigStateChecks: counts(1)},
			{
				PreConfig: func() {
					if err := env.Tags().Delete(t.Context(), env.TagNamed("/10.10.183.9").ID); err != nil {
						t.Fatal(err)
					}
				},
				RefreshState: true,
			},
			{Config: env.Config(small), ConfigPlanChecks: empty(), ConfigStateChecks: counts(0)},
		},
	})
}

// TestClaimEditedByHand keeps the address, as somebody's.
func TestClaimEditedByHand(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{PreConfig: func() {
				claim(t, env, false)
				edit(t, env, "/10.10.183.9", "the printer")
			}, RefreshState: true},
			{Config: env.Config(small), ConfigPlanChecks: empty(), ConfigStateChecks: counts(1)},
			{
				Config: env.Config(attributes("10.10.183.1", "10.10.183.8", 18, "10.10.128.1", "")), PlanOnly: true,
				ExpectError: acctest.Words("delete what holds them first: 10.10.183.9."),
			},
			{
				Config:   env.Config(attributes("10.10.183.1", "10.10.183.10", 18, "10.10.128.1", "restrict_to_single_cluster = true")),
				PlanOnly: true, ExpectError: acctest.Words("somebody whose name in the claim cannot be read (1, such as 10.10.183.9"),
			},
			{
				PreConfig: func() {
					if err := env.Tags().Delete(t.Context(), env.TagNamed("/10.10.183.9").ID); err != nil {
						t.Fatal(err)
					}
				},
				Config: env.Config(small), PlanOnly: true,
			},
		},
	})
}

// TestStrayTag counts no tag for an address that is none.
func TestStrayTag(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	stray := ledger.Tag{ID: uuid.New(), Name: "10.10.183.5", Description: "reserved for the printer"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				PreConfig: func() {
					if err := env.Tags().Create(t.Context(), stray); err != nil {
						t.Fatal(err)
					}
				},
				RefreshState: true,
			},
			{Config: env.Config(small), ConfigPlanChecks: empty(), ConfigStateChecks: counts(0)},
			{
				PreConfig: func() {
					if err := env.Tags().Delete(t.Context(), stray.ID); err != nil {
						t.Fatal(err)
					}
				},
				Config: env.Config(small), PlanOnly: true,
			},
		},
	})
}

// TestRecordEditedByHand has the next apply write the record again: a
// description that says something else is a difference like any other, and one
// that says nothing is known by a note in the state.
func TestRecordEditedByHand(t *testing.T) {
	t.Parallel()
	for name, description := range map[string]string{
		"something else": `{"name":"prod-nodes","start":"10.10.183.1","end":"10.10.183.30","prefix_length":18,"default_gateway":"10.10.128.1"}`,
		"no JSON":        "pool of the printers",
		"no pool":        `{"name":"prod-nodes","start":"10.10.183.9","end":"10.10.183.1","prefix_length":18}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			const record = "pool:-/prod-nodes"
			var was string
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				CheckDestroy:             env.CheckDestroy,
				Steps: []resource.TestStep{
					{Config: env.Config(small)},
					{
						PreConfig: func() {
							claim(t, env, false)
							was = env.TagNamed(record).Description
							edit(t, env, record, description)
						},
						Config: env.Config(small),
						ConfigPlanChecks: resource.ConfigPlanChecks{
							PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(pool, plancheck.ResourceActionUpdate)},
							PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
						},
						ConfigStateChecks: append(counts(1), value("total_addresses", knownvalue.Int64Exact(10))),
					},
					{
						PreConfig: func() {
							if is := env.TagNamed(record).Description; is != was {
								t.Errorf("the record is %q, want %q", is, was)
							}
							release(t, env)
						},
						Config: env.Config(small), PlanOnly: true,
					},
				},
			})
		})
	}
}

// TestRecordDeletedByHand registers the pool again under its id, with what is in
// use of it.
func TestRecordDeletedByHand(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				PreConfig: func() {
					claim(t, env, false)
					if err := env.Tags().Delete(t.Context(), env.TagNamed("pool:-/prod-nodes").ID); err != nil {
						t.Fatal(err)
					}
				},
				Config: env.Config(small),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pool, plancheck.ResourceActionCreate),
				}},
				ConfigStateChecks: counts(1),
			},
			{PreConfig: func() { release(t, env) }, Config: env.Config(small), PlanOnly: true},
		},
	})
}
