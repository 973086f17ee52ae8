package gateway_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

const ownPool = "/dc1-nodes"

// recorded is what vCenter has of the gateway's pool.
func recorded(t *testing.T, e *acctest.Environment) record.IPPool {
	t.Helper()
	var body record.IPPool
	if err := json.Unmarshal([]byte(e.TagNamed(ownPool).Description), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// TestAccGatewayPoolChanges changes the inline pool of a running gateway.
func TestAccGatewayPoolChanges(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	const end, prefix, span = `"10.10.183.20"`, "prefix_length   = 18", `range           = { start = "10.10.183.1", end = "10.10.183.20" }`
	small := config(e, shape{})
	grown := swap(t, small, end, `"10.10.183.30"`, prefix, prefix+`
    nameservers        = ["8.8.8.8"]
    excluded_addresses = ["10.10.183.29", "10.10.183.28"]
    reuse_delay        = "1m"`)
	refused := func(config, want string) resource.TestStep {
		return resource.TestStep{Config: config, PlanOnly: true, ExpectError: acctest.Words(want)}
	}
	inPlace := resource.ConfigPlanChecks{
		PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(gateway, plancheck.ResourceActionUpdate)},
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
	running := []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))}
	raw, err := json.Marshal(lab("10.10.183.40", "10.10.183.50"))
	if err != nil {
		t.Fatal(err)
	}
	lab, err := e.Ledger().Register(t.Context(), ledger.Record{Ref: record.Ref{Kind: record.KindIPPool, Name: "lab"}, Body: raw})
	if err != nil {
		t.Fatal(err)
	}
	taken := func() string {
		l := e.Ledger()
		entries, err := l.Entries(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.Kind == ledger.EntryClaim && entry.Owner.Node == "dc1-cp-1" {
				return entry.Address.String()
			}
		}
		t.Fatal("the node has no address")
		return ""
	}
	steps := []resource.TestStep{
		{Config: small},
		{Config: grown, ConfigPlanChecks: inPlace, ConfigStateChecks: running},
		{
			PreConfig: func() {
				body := recorded(t, e)
				if body.End != "10.10.183.30" || len(body.Excluded) != 2 || len(body.Nameservers) != 1 || body.ReuseDelay() != time.Minute {
					t.Errorf("the record is %+v", body)
				}
			},
			Config: small, ConfigPlanChecks: inPlace, ConfigStateChecks: running,
		},
		refused(swap(t, small, span, `range = { start = "10.10.183.1", end = "10.10.183.1" }`), "Addresses in use would be removed"),
		refused(swap(t, small, span, `range = { start = "10.10.183.1", end = "10.10.183.1" }`), "(dc1-cp-1 of cluster"),
		refused(swap(t, small, prefix, prefix+"\n excluded_addresses = [\"10.10.183.0/24\"]"), "leave no address"),
		refused(
			swap(t, small, prefix, prefix+"\n excluded_addresses = [\"10.10.183.2-10.10.183.20\"]"),
			"delete what holds them first: 10.10.183.",
		),
		refused(swap(t, small, `"10.10.128.1"`, `"10.10.191.255"`), "must lie in the range 10.10.128.1-10.10.191.254"),
		refused(swap(t, small, prefix, prefix+"\n nameservers = [\"dns\"]"), `"dns" is neither an IPv4 nor an IPv6 address`),
		refused(
			swap(t, small, prefix, prefix+"\n network = \"dvpg-b\""),
			`The gateway's node is on the network "dvpg-nodes", and its IP pool would be on "dvpg-b"`,
		),
		refused(swap(t, small, `"dc1-nodes"`, `"dc1-addresses"`), "A change of ip_pool.name on a running gateway is not supported"),
		refused(
			swap(t, small, span, `subnet = "2001:db8::/120"`, prefix, "", `"10.10.128.1"`, `"2001:db8::1"`),
			"Address family change not supported",
		),
		refused(
			swap(t, small, end, `"10.10.183.45"`),
			`IP pool "dc1-nodes" and IP pool "lab" of this vCenter both have addresses from 10.10.183.40 to 10.10.183.45`,
		),
		{Config: swap(t, small, prefix, prefix+"\n restrict_to_single_cluster = true"), ConfigPlanChecks: inPlace, ConfigStateChecks: running},
		{
			PreConfig: func() {
				l := e.Ledger()
				gateway := l.ID(gatewayRef)
				pool := l.ID(record.Ref{Kind: record.KindIPPool, GatewayID: gateway, Name: "dc1-nodes"})
				if by, err := l.ReservedBy(t.Context(), pool); err != nil || by != gateway {
					t.Errorf("the pool is reserved by %s (%v)", by, err)
				}
			},
			Config: small, ConfigPlanChecks: inPlace, ConfigStateChecks: running,
		},
	}
	address := ""
	// The next apply undoes what is done to its record by hand.
	for _, hand := range []func(ledger.Tag) error{
		func(tag ledger.Tag) error { return e.Tags().Update(t.Context(), tag.ID, "do not touch") },
		func(tag ledger.Tag) error { return e.Tags().Delete(t.Context(), tag.ID) },
		func(tag ledger.Tag) error {
			return e.Tags().Update(
				t.Context(),
				tag.ID,
				`{"name":"dc1-nodes","start":"10.10.183.1","end":"10.10.183.19","prefix_length":18,"default_gateway":"10.10.128.1"}`,
			)
		},
	} {
		steps = append(steps, resource.TestStep{
			PreConfig: func() {
				address = taken()
				if err := hand(e.TagNamed(ownPool)); err != nil {
					t.Fatal(err)
				}
			},
			Config: small,
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(gateway, plancheck.ResourceActionUpdate),
					plancheck.ExpectKnownValue(gateway, at("planned_changes"), changes("create_ip_pool", "dc1-nodes")),
				},
				PostApplyPostRefresh: inPlace.PostApplyPostRefresh,
			},
			ConfigStateChecks: running,
		}, resource.TestStep{
			PreConfig: func() {
				if body := recorded(t, e); body.End != "10.10.183.20" || taken() != address {
					t.Errorf("the record is %+v, and the node's address %s was %s", body, taken(), address)
				}
			},
			Config: small, PlanOnly: true,
		})
	}
	steps = append(steps, resource.TestStep{
		PreConfig: func() {
			if err := e.Ledger().Unregister(t.Context(), lab); err != nil {
				t.Error(err)
			}
		},
		Config: small, PlanOnly: true,
	})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.Factories(), CheckDestroy: e.CheckDestroy, Steps: steps})
}
