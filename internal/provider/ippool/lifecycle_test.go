package ippool_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

func TestAccPoolDisappears(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	l := env.Ledger()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				PreConfig: func() {
					if err := l.Unregister(t.Context(), l.ID(nodesRef)); err != nil {
						t.Fatal(err)
					}
				},
				Config: env.Config(small),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pool, plancheck.ResourceActionCreate),
				}},
			},
		},
	})
}

func TestAccPoolExists(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	l := env.Ledger()
	body := []byte(`{"name":"prod-nodes","start":"10.10.183.1","end":"10.10.183.10","prefix_length":18,"default_gateway":"10.10.128.1"}`)
	if _, err := l.Register(t.Context(), ledger.Record{Ref: nodesRef, Body: body}); err != nil {
		t.Fatal(err)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:      env.Config(small),
				ExpectError: acctest.Words("terraform import gantry_ip_pool.<name> prod-nodes"),
			},
			{
				Config:             env.Config(small),
				ResourceName:       pool,
				ImportState:        true,
				ImportStateId:      "prod-nodes",
				ImportStatePersist: true,
			},
			{Config: env.Config(small), PlanOnly: true},
		},
	})
}

func TestAccPoolOfAGateway(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	const gateway = "0b7c7a52-3f0a-5c11-8d0f-1c4f8f1b2a33"
	id := knownvalue.StringExact(env.Ledger().ID(record.Ref{
		Kind:      record.KindIPPool,
		GatewayID: uuid.MustParse(gateway),
		Name:      "prod-nodes",
	}).String())
	own := attributes("10.10.183.1", "10.10.183.10", 18, "10.10.128.1", `gateway_id = "`+gateway+`"`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				Config: env.Config(own),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pool, plancheck.ResourceActionDestroyBeforeCreate),
					plancheck.ExpectKnownValue(pool, tfjsonpath.New("id"), id),
				}},
				ConfigStateChecks: []statecheck.StateCheck{value("id", id)},
			},
			{
				ResourceName:      pool,
				ImportState:       true,
				ImportStateId:     gateway + "/prod-nodes",
				ImportStateVerify: true,
			},
			{
				ResourceName:  pool,
				ImportState:   true,
				ImportStateId: "dc1/prod-nodes",
				ExpectError:   acctest.Words(`"dc1/prod-nodes" is neither a name nor of the form <gateway id>/<name>`),
			},
		},
	})
}

// TestAccPoolFamily shows that a change of family replaces a pool, and that the
// collision with the pool that is replaced does not stop the plan.
func TestAccPoolFamily(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				Config: env.Config(attributes("2001:db8::10", "2001:db8::1f", 64, "2001:db8::1", "")),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pool, plancheck.ResourceActionDestroyBeforeCreate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{value("total_addresses", knownvalue.Int64Exact(16))},
			},
		},
	})
}

// TestAccPoolOfUnknownRange shows that the id is known before the range is.
func TestAccPoolOfUnknownRange(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	id := knownvalue.StringExact(env.Ledger().ID(nodesRef).String())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{{
			Config: env.Config(later),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectKnownValue(pool, tfjsonpath.New("id"), id),
				plancheck.ExpectUnknownValue(pool, tfjsonpath.New("total_addresses")),
			}},
			ConfigStateChecks: []statecheck.StateCheck{value("total_addresses", knownvalue.Int64Exact(10))},
		}},
	})
}

// TestAccPoolOfAnotherVCenter shows that a pool is not treated as deleted
// where another vCenter has no record of it.
func TestAccPoolOfAnotherVCenter(t *testing.T) {
	t.Parallel()
	env, other := acctest.New(t), acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{Config: other.Config(small), ExpectError: acctest.Words("it belongs to another vCenter")},
			{Config: env.Config(small), PlanOnly: true},
		},
	})
}

func TestAccPoolInterrupted(t *testing.T) {
	t.Parallel()
	step := func(config string) func(*acctest.Environment) resource.TestStep {
		return func(env *acctest.Environment) resource.TestStep {
			return resource.TestStep{Config: env.Config(config)}
		}
	}
	before := func(env *acctest.Environment) []resource.TestStep {
		return []resource.TestStep{{Config: env.Config(small)}}
	}
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 3, Step: step(small)}.Run(t)
	})
	t.Run("update", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 3, Before: before, Step: step(grown)}.Run(t)
	})
	t.Run("delete", func(t *testing.T) {
		t.Parallel()
		acctest.Interrupted{Every: 3, Before: before, Step: step("")}.Run(t)
	})
}

const later = `
resource "terraform_data" "end" {
  input = "10.10.183.10"
}

resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = "10.10.183.1", end = terraform_data.end.output }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
}
`

// TestAccPoolAnswerLost shows that a pool which vCenter has registered, and did not say
// so, is known again by its incarnation, and that a change and a deletion of which the
// answer is lost are done.
func TestAccPoolAnswerLost(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	// The first tag of all marks the category, and the first of a pool notes it
	// among all pools; the second is its record.
	l := env.Ledger()
	if _, err := l.Register(
		t.Context(),
		ledger.Record{Ref: record.Ref{Kind: record.KindIPPool, Name: "other"}, Body: []byte(`{}`)},
	); err != nil {
		t.Fatal(err)
	}
	if err := l.Unregister(t.Context(), l.ID(record.Ref{Kind: record.KindIPPool, Name: "other"})); err != nil {
		t.Fatal(err)
	}
	lose := func(call string) func() {
		return func() {
			if err := env.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: call, Nth: 1}); err != nil {
				t.Fatal(err)
			}
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				PreConfig: func() {
					if err := env.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: "POST tag", Nth: 2}); err != nil {
						t.Fatal(err)
					}
				},
				Config:            env.Config(small),
				ConfigStateChecks: []statecheck.StateCheck{value("total_addresses", knownvalue.Int64Exact(10))},
			},
			{Config: env.Config(small), PlanOnly: true},
			{
				PreConfig:         lose("PATCH tag/id"),
				Config:            env.Config(grown),
				ConfigStateChecks: []statecheck.StateCheck{value("total_addresses", knownvalue.Int64Exact(19))},
			},
			{PreConfig: lose("DELETE tag/id"), Config: env.Config("")},
		},
	})
}
