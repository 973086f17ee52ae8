package ippool_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// nodesRef refers to the IP pool of the tests.
var nodesRef = record.Ref{Kind: record.KindIPPool, Name: "prod-nodes"}

var (
	holder = ledger.Owner{Cluster: uuid.MustParse("6f1d2a10-3a1b-4a53-9d4e-0c2f6c1f7a11"), Node: "prod-1-cp-1"}
	held   = netip.MustParseAddr("10.10.183.9")
)

// claim takes an address of the pool as a cluster does.
func claim(t *testing.T, env *acctest.Environment, single bool) {
	t.Helper()
	claimFor(t, env, single, holder, held)
}

func claimFor(t *testing.T, env *acctest.Environment, single bool, owner ledger.Owner, addr netip.Addr) {
	t.Helper()
	l := env.Ledger()
	addresses, err := ipam.New("10.10.183.1", "10.10.183.10", 18, "10.10.128.1")
	if err != nil {
		t.Fatal(err)
	}
	p := ledger.IPPool{ID: l.ID(nodesRef), Name: "prod-nodes", Pool: addresses, SingleCluster: single}
	if err := l.ClaimAddress(t.Context(), p, owner, addr); err != nil {
		t.Fatal(err)
	}
}

func release(t *testing.T, env *acctest.Environment) {
	t.Helper()
	l := env.Ledger()
	id := l.ID(nodesRef)
	if err := l.Release(t.Context(), ledger.IPPool{ID: id}, held, holder); err != nil {
		t.Fatal(err)
	}
	if err := l.ReleaseReservation(t.Context(), id, holder.Cluster); err != nil {
		t.Fatal(err)
	}
}

func TestAccPoolInUse(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				// A refresh counts, and a count that has changed is no change to make.
				PreConfig: func() { claim(t, env, false) },
				Config:    env.Config(small),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectEmptyPlan(),
				}},
			},
			{
				RefreshState: true,
				RefreshPlanChecks: resource.RefreshPlanChecks{PostRefresh: []plancheck.PlanCheck{
					plancheck.ExpectEmptyPlan(),
				}},
			},
			{
				Config: env.Config(small),
				ConfigStateChecks: []statecheck.StateCheck{
					value("allocated_addresses", knownvalue.Int64Exact(1)),
					value("available_addresses", knownvalue.Int64Exact(9)),
				},
			},
			{
				Config:      env.Config(attributes("10.10.183.1", "10.10.183.8", 18, "10.10.128.1", "")),
				PlanOnly:    true,
				ExpectError: acctest.Words("10.10.183.9 (prod-1-cp-1 of cluster " + holder.Cluster.String() + ")"),
			},
			{
				Config:      env.Config(attributes("10.10.183.1", "10.10.183.10", 18, "10.10.183.9", "")),
				PlanOnly:    true,
				ExpectError: acctest.Words(`default_gateway = "10.10.183.9"`),
			},
			{
				Config: env.Config(attributes(
					"10.10.183.1", "10.10.183.10", 18, "10.10.128.1", `excluded_addresses = ["10.10.183.3", "10.10.183.8-10.10.183.9"]`,
				)),
				PlanOnly:    true,
				ExpectError: acctest.Words("excluded_addresses = [\"10.10.183.3\", \"10.10.183.8-10.10.183.9\"]"),
			},
			{
				Config: env.Config(attributes(
					"10.10.183.1", "10.10.183.10", 18, "10.10.128.1", `excluded_addresses = ["10.10.183.3", "10.10.183.8-10.10.183.9"]`,
				)),
				PlanOnly:    true,
				ExpectError: acctest.Words("delete what holds them first: 10.10.183.9 (prod-1-cp-1 of cluster " + holder.Cluster.String() + ")"),
			},
			{
				// 10.10.183.9 is not in it.
				Config:      env.Config(subnet("10.10.183.0/29", "prefix_length = 18")),
				PlanOnly:    true,
				ExpectError: acctest.Words("10.10.183.9 (prod-1-cp-1"),
			},
			{
				// What is in use stays: the other end may go.
				Config: env.Config(attributes("10.10.183.5", "10.10.183.12", 18, "10.10.128.1", "")),
				ConfigStateChecks: []statecheck.StateCheck{
					value("total_addresses", knownvalue.Int64Exact(8)),
					value("allocated_addresses", knownvalue.Int64Exact(1)),
				},
			},
			{
				Config: env.Config(""),
				ExpectError: acctest.Words("1 of its addresses are in use. Delete the clusters and gateways that hold them first: " +
					"10.10.183.9 (prod-1-cp-1"),
			},
			{
				PreConfig: func() { release(t, env) },
				Config:    env.Config(""),
			},
		},
	})
}

// TestAccPoolIsRestrictedLater turns the restriction on for a pool in use: by one
// cluster it is kept for that one, by two it is refused.
func TestAccPoolIsRestrictedLater(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	restricted := attributes("10.10.183.1", "10.10.183.10", 18, "10.10.128.1", "restrict_to_single_cluster = true")
	other := ledger.Owner{Cluster: uuid.MustParse("7a2e3b11-4b2c-4b64-8e5f-1d3a7d2a8b22"), Node: "test-worker-1"}
	second := netip.MustParseAddr("10.10.183.4")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			{
				PreConfig: func() {
					claim(t, env, false)
					claimFor(t, env, false, other, second)
				},
				Config: env.Config(restricted), PlanOnly: true,
				ExpectError: acctest.Words("cluster " + holder.Cluster.String() + " (1, such as 10.10.183.9 of prod-1-cp-1), cluster " +
					"" + other.Cluster.String() + " (1, such as 10.10.183.4 of test-worker-1)"),
			},
			{
				PreConfig: func() {
					l := env.Ledger()
					if err := l.Release(t.Context(), ledger.IPPool{ID: l.ID(nodesRef)}, second, other); err != nil {
						t.Fatal(err)
					}
				},
				Config: env.Config(restricted),
				ConfigStateChecks: []statecheck.StateCheck{
					value("reserved_by_cluster_id", knownvalue.StringExact(holder.Cluster.String())),
					value("allocated_addresses", knownvalue.Int64Exact(1)),
				},
			},
			{
				// It is kept from other clusters.
				PreConfig: func() {
					l := env.Ledger()
					addresses, _ := ipam.New("10.10.183.1", "10.10.183.10", 18, "10.10.128.1")
					p := ledger.IPPool{ID: l.ID(nodesRef), Pool: addresses, SingleCluster: true}
					var reserved *ledger.ReservedError
					if err := l.ClaimAddress(t.Context(), p, other, second); !errors.As(err, &reserved) || reserved.Cluster != holder.Cluster {
						t.Errorf("another cluster's claim ends with %v, want a *ReservedError that names the first", err)
					}
				},
				Config: env.Config(restricted), PlanOnly: true,
			},
			{
				PreConfig: func() { release(t, env) },
				Config:    env.Config(restricted),
			},
		},
	})
}

func TestAccPoolOfASingleCluster(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	restricted := attributes("10.10.183.1", "10.10.183.10", 18, "10.10.128.1", "restrict_to_single_cluster = true")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:            env.Config(restricted),
				ConfigStateChecks: []statecheck.StateCheck{value("reserved_by_cluster_id", knownvalue.Null())},
			},
			{
				PreConfig:    func() { claim(t, env, true) },
				RefreshState: true,
			},
			{
				Config:            env.Config(restricted),
				ConfigStateChecks: []statecheck.StateCheck{value("reserved_by_cluster_id", knownvalue.StringExact(holder.Cluster.String()))},
			},
			{
				// Opened, and with it the reservation gone.
				Config:            env.Config(small),
				ConfigStateChecks: []statecheck.StateCheck{value("reserved_by_cluster_id", knownvalue.Null())},
			},
			{
				PreConfig: func() { release(t, env) },
				Config:    env.Config(restricted),
			},
		},
	})
}
