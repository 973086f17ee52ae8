package ippool_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// register makes a pool as another workspace does, and returns what takes it
// away again.
func register(t *testing.T, env *acctest.Environment, body record.IPPool) func() {
	t.Helper()
	l := env.Ledger()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.Register(t.Context(), ledger.Record{Ref: record.Ref{Kind: record.KindIPPool, Name: body.Name}, Body: raw})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := l.Unregister(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
}

// lab has ten addresses in the middle of those of the tests' pools.
func lab(network string) record.IPPool {
	return record.IPPool{
		Name:           "lab",
		Start:          "10.10.183.50",
		End:            "10.10.183.59",
		PrefixLength:   18,
		DefaultGateway: "10.10.128.1",
		Network:        network,
	}
}

func TestAccPoolsOverlap(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	takeAway := register(t, env, lab("dvpg-nodes"))
	with := func(end, more string) string {
		return env.Config(attributes("10.10.183.1", end, 18, "10.10.128.1", more))
	}
	const shared = `IP pool "prod-nodes" and IP pool "lab" of this vCenter both have addresses from 10.10.183.50 to 10.10.183.59`
	refused := func(config, want string) resource.TestStep {
		return resource.TestStep{Config: config, ExpectError: acctest.Words(want)}
	}
	fine := func(config string) resource.TestStep { return resource.TestStep{Config: config} }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			refused(with("10.10.183.100", ""), shared),
			refused(with("10.10.183.100", `network = "dvpg-nodes"`), shared),
			refused(with("10.10.183.50", ""), `both have the address 10.10.183.50`),
			refused(env.Config(subnet("10.10.183.0/24", "prefix_length = 18")), shared),
			// A path may mean the network of that name.
			refused(with("10.10.183.100", `network = "/dc-1/network/dvpg-nodes"`), shared),
			fine(with("10.10.183.49", "")),
			refused(with("10.10.183.100", ""), shared), // grown
			fine(with("10.10.183.100", `network = "dvpg-b"`)),
			refused(with("10.10.183.100", `network = "dvpg-nodes"`), shared),
			refused(with("10.10.183.100", ""), shared), // a network taken away
			fine(with("10.10.183.100", `excluded_addresses = ["10.10.183.48-10.10.183.60"]`)),
			refused(with("10.10.183.100", `excluded_addresses = ["10.10.183.51-10.10.183.60"]`), `both have the address 10.10.183.50`),
			fine(with("10.10.183.49", "")),
			{PreConfig: takeAway, Config: with("10.10.183.100", "")},
		},
	})
}

// TestAccPoolsOverlapAtApply has the addresses known only then.
func TestAccPoolsOverlapAtApply(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	takeAway := register(t, env, lab(""))
	late := strings.Replace(later, `"10.10.183.10"`, `"10.10.183.55"`, 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:      env.Config(late),
				ExpectError: acctest.Words(`IP pool "lab" of this vCenter both have addresses from 10.10.183.50 to 10.10.183.55`),
			},
			{Config: env.Config(late), PreConfig: takeAway, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(pool, plancheck.ResourceActionCreate),
			}}},
		},
	})
}

// TestAccPoolsOverlapInOneConfiguration plans two of which the ledger knows neither.
func TestAccPoolsOverlapInOneConfiguration(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	twin := strings.NewReplacer(`"nodes"`, `"twin"`, "prod-nodes", "twin").Replace(small)
	apart := strings.NewReplacer("10.10.183.10", "10.10.184.10", "10.10.183.1", "10.10.184.1").Replace(twin)
	refused := func(config string) resource.TestStep {
		return resource.TestStep{
			Config:      env.Config(config),
			PlanOnly:    true,
			ExpectError: acctest.Words(`of this vCenter both have addresses from 10.10.183.1 to 10.10.183.10`),
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			refused(small + twin),
			{Config: env.Config(small + apart)},
			refused(small + twin),
			// Both change, and so do the places that they had.
			{Config: env.Config(small + strings.ReplaceAll(apart, "10.10.184", "10.10.185"))},
		},
	})
}

// TestAccPoolIsRenamed shows that a pool's own former self overlaps nothing.
func TestAccPoolIsRenamed(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				Config: env.Config(strings.Replace(small, "prod-nodes", "nodes-of-prod", 1)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pool, plancheck.ResourceActionDestroyBeforeCreate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{value("name", knownvalue.StringExact("nodes-of-prod"))},
			},
		},
	})
}
