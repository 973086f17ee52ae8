package ippool_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

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

// TestAccClaimDeletedByHand counts what there is.
func TestAccClaimDeletedByHand(t *testing.T) {
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

// TestAccClaimEditedByHand keeps the address claimed.
func TestAccClaimEditedByHand(t *testing.T) {
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
				PlanOnly: true, ExpectError: acctest.Words("an unknown cluster, whose claim cannot be read (1, such as 10.10.183.9"),
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

// TestAccStrayTag counts no tag for an address that is none.
func TestAccStrayTag(t *testing.T) {
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

// TestAccRecordEditedByHand has the next apply write the record again: a
// description that says something else is a difference like any other, and one
// that says nothing is known by a note in the state.
func TestAccRecordEditedByHand(t *testing.T) {
	t.Parallel()
	for name, description := range map[string]string{
		"something else": `{"name":"prod-nodes","start":"10.10.183.1","end":"10.10.183.30","prefix_length":18,"default_gateway":"10.10.128.1"}`,
		"no JSON":        "pool of the printers",
		"no pool":        `{"name":"prod-nodes","start":"10.10.183.9","end":"10.10.183.1","prefix_length":18}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			const record = "ip-pool:-/prod-nodes"
			var was string
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				CheckDestroy:             env.CheckDestroy,
				Steps: []resource.TestStep{
					{Config: env.Config(small)},
					{
						PreConfig: func() {
							claim(t, env, false)
							was = withoutTime(env.TagNamed(record).Description)
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
							if is := withoutTime(env.TagNamed(record).Description); is != was {
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

// TestAccRecordDeletedByHand registers the pool again under its id, with what is in
// use of it.
func TestAccRecordDeletedByHand(t *testing.T) {
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
					if err := env.Tags().Delete(t.Context(), env.TagNamed("ip-pool:-/prod-nodes").ID); err != nil {
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

// wordy makes the record of a pool take several tags.
var wordy = attributes("10.10.183.1", "10.10.183.10", 18, "10.10.128.1", `search_domains = ["`+
	strings.Repeat("a", 60)+`.example.com", "`+strings.Repeat("b", 60)+`.example.com", "`+strings.Repeat("c", 60)+`.example.com"]`)

// TestAccRecordLosesAPart deletes one of the tags of a long record: the
// pool that the state knows is written again, and who knows only its name is told
// what to do.
func TestAccRecordLosesAPart(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	const look = `data "gantry_ip_pool" "nodes" { name = "prod-nodes" }`
	lose := func() {
		entries, err := env.Ledger().Entries(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Kind == ledger.EntryChunk {
				if err := env.Tags().Delete(t.Context(), e.ID); err != nil {
					t.Fatal(err)
				}
				return
			}
		}
		t.Fatal("the record has no parts")
	}
	const why = `tag "ip-pool:-/prod-nodes" of category gantry was edited: the parts of its description are not there, or do not ` +
		`belong together`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(wordy)},
			{
				PreConfig: lose,
				// The state that is imported into is empty.
				ResourceName: pool, ImportState: true, ImportStateId: "prod-nodes", ExpectError: acctest.Words(why),
			},
			{
				Config: env.Config(wordy + look), PlanOnly: true,
				ExpectError: acctest.Words("also written again when its configuration is applied"),
			},
			{
				Config: env.Config(wordy),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(pool, plancheck.ResourceActionUpdate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			// A destroy wants no record that can be read.
			{PreConfig: lose, Config: env.Config(wordy), Destroy: true},
		},
	})
}

// TestAccRecordIsRenamed gives the tag of the record another name, which
// Gantry can't take back.
func TestAccRecordIsRenamed(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	rename := func(from, to string) func() {
		return func() {
			tag := env.TagNamed(from)
			if err := env.Tags().Delete(t.Context(), tag.ID); err != nil {
				t.Fatal(err)
			}
			tag.Name = to
			if err := env.Tags().Create(t.Context(), tag); err != nil {
				t.Fatal(err)
			}
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				PreConfig: rename("ip-pool:-/prod-nodes", "the printers"), Config: env.Config(small), PlanOnly: true,
				ExpectError: acctest.Words(`Rename the tag back to "ip-pool:-/prod-nodes"`),
			},
			{PreConfig: rename("the printers", "ip-pool:-/prod-nodes"), Config: env.Config(small), PlanOnly: true},
		},
	})
}

// TestAccAnotherPoolIsDamaged has the record of another workspace's pool edited, and
// the tag of a third renamed: that is no obstacle to creating, growing, looking up
// and looking for orphans.
func TestAccAnotherPoolIsDamaged(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	elsewhere := lab("")
	elsewhere.Start, elsewhere.End = "10.10.184.50", "10.10.184.59"
	register(t, env, elsewhere)
	edit(t, env, "ip-pool:-/lab", "do not touch")
	const more = `
data "gantry_ip_pool" "nodes" { name = gantry_ip_pool.nodes.name }
data "gantry_orphans" "all" {
  depends_on = [gantry_ip_pool.nodes]
}`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		Steps: []resource.TestStep{
			{Config: env.Config(small + more), ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("data.gantry_orphans.all", tfjsonpath.New("orphans"), knownvalue.ListPartial(map[int]knownvalue.Check{
					0: knownvalue.ObjectPartial(map[string]knownvalue.Check{
						"kind": knownvalue.StringExact("ip_pool"),
						"name": knownvalue.StringExact("lab"),
					}),
				})),
			}},
			{Config: env.Config(grown + more), ConfigStateChecks: []statecheck.StateCheck{value("total_addresses", knownvalue.Int64Exact(19))}},
		},
	})
}

// withoutTime is a record without the time at which it was written.
func withoutTime(record string) string {
	return regexp.MustCompile(`,"written":[0-9]+`).ReplaceAllString(record, "")
}
