package gateway_test

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

// swap replaces text that has to be there.
func swap(t *testing.T, in string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(in, pairs[i]) {
			t.Fatalf("%q is not in the configuration", pairs[i])
		}
	}
	return strings.NewReplacer(pairs...).Replace(in)
}

// TestAccGatewayPoolOverlaps has another workspace's pool overlap the gateway's inline
// one.
func TestAccGatewayPoolOverlaps(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	l := e.Ledger()
	body := lab("10.10.183.15", "10.10.183.40")
	body.Network = "dvpg-nodes"
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.Register(t.Context(), ledger.Record{Ref: record.Ref{Kind: record.KindIPPool, Name: "lab"}, Body: raw})
	if err != nil {
		t.Fatal(err)
	}
	good := config(e, shape{})
	const prefix = "prefix_length   = 18"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			// Where nothing shows that this is a plan, the other pool may be its former self's,
			// and the apply refuses it.
			{
				Config: good,
				ExpectError: acctest.Words(`IP pool "dc1-nodes" and IP pool "lab" of this vCenter both have addresses from 10.10.183.15 to ` +
					`10.10.183.20`),
			},
			{
				Config:      swap(t, good, prefix, prefix+"\n network = \"dvpg-nodes\""),
				ExpectError: acctest.Words(`IP pool "lab" of this vCenter both have`),
			},
			{
				Config: swap(t, good, prefix, prefix+"\n network = \"dvpg-b\"", `"dvpg-nodes"`, `"dvpg-b"`), PlanOnly: true, ExpectNonEmptyPlan: true,
			},
			{
				PreConfig: func() {
					if err := l.Unregister(t.Context(), id); err != nil {
						t.Error(err)
					}
				},
				Config: good, PlanOnly: true, ExpectNonEmptyPlan: true,
			},
		},
	})
	if vms := e.Leftovers().VMs; len(vms) > 0 {
		t.Errorf("a refused plan has made %v", vms)
	}
}

// TestAccGatewayPoolOfASubnet builds on a subnet with all that a pool can have,
// and makes the gateway anew under another name on the same addresses.
func TestAccGatewayPoolOfASubnet(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	subnet := swap(t, config(e, shape{}), `range           = { start = "10.10.183.1", end = "10.10.183.20" }`, `subnet = "10.10.183.0/28"
    excluded_addresses = ["10.10.183.1-10.10.183.3"]
    network            = "dvpg-nodes"
    reuse_delay        = "60s"`, "prefix_length   = 18", "", `"10.10.128.1"`, `"10.10.183.14"`)
	pool := func(prefix int64) statecheck.StateCheck {
		return has("ip_pool", knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"prefix_length": knownvalue.Int64Exact(prefix), "reuse_delay": knownvalue.StringExact("60s"), "range": knownvalue.Null(),
		}))
	}
	quiet := resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: subnet, ConfigPlanChecks: quiet,
				ConfigStateChecks: []statecheck.StateCheck{has("state", knownvalue.StringExact("Running")), pool(28)},
			},
			{
				Config: swap(t, subnet, `name               = "dc1"`, `name               = "dc2"`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(gateway, plancheck.ResourceActionDestroyBeforeCreate),
				}},
				ConfigStateChecks: []statecheck.StateCheck{has("name", knownvalue.StringExact("dc2")), pool(28)},
			},
		},
	})
}
