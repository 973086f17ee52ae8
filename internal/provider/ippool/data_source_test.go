package ippool_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

func TestAccPoolDataSource(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	takeAway := register(t, env, record.IPPool{
		Name: "prod-nodes", Start: "10.10.183.1", End: "10.10.183.10", PrefixLength: 18, DefaultGateway: "10.10.128.1",
		Nameservers: []string{"10.10.128.2"}, Excluded: []string{"10.10.183.3"}, Network: "dvpg-nodes", RestrictToSingleCluster: true,
	})
	claim(t, env, true)
	is := func(name string, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.gantry_ip_pool.nodes", tfjsonpath.New(name), check)
	}
	text := knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		Steps: []resource.TestStep{
			{
				PreConfig: env.ResetCalls,
				Config:    env.Config(`data "gantry_ip_pool" "nodes" { name = "prod-nodes" }`),
				ConfigStateChecks: []statecheck.StateCheck{
					is("id", text(env.Ledger().ID(nodesRef).String())),
					is("range", knownvalue.ObjectExact(map[string]knownvalue.Check{"start": text("10.10.183.1"), "end": text("10.10.183.10")})),
					is("subnet", knownvalue.Null()), is("prefix_length", knownvalue.Int64Exact(18)), is("default_gateway", text("10.10.128.1")),
					is("nameservers", knownvalue.ListExact([]knownvalue.Check{text("10.10.128.2")})), is("search_domains", knownvalue.Null()),
					is("excluded_addresses", knownvalue.SetExact([]knownvalue.Check{text("10.10.183.3")})),
					is("network", text("dvpg-nodes")), is("reuse_delay", text("5m")), is("restrict_to_single_cluster", knownvalue.Bool(true)),
					is("total_addresses", knownvalue.Int64Exact(9)), is("allocated_addresses", knownvalue.Int64Exact(1)),
					is("available_addresses", knownvalue.Int64Exact(8)), is("reserved_by_cluster_id", text(holder.Cluster.String())),
					is("allocations", knownvalue.Null()),
				},
			},
			{
				Config: env.Config(`data "gantry_ip_pool" "nodes" {
  name                = "prod-nodes"
  include_allocations = true
}`),
				ConfigStateChecks: []statecheck.StateCheck{is("allocations", knownvalue.MapExact(map[string]knownvalue.Check{
					"10.10.183.9": knownvalue.ObjectExact(map[string]knownvalue.Check{
						"cluster_id": text(holder.Cluster.String()), "owner": text(holder.Node),
						"since": knownvalue.StringRegexp(regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)),
					}),
				}))},
			},
			{
				PreConfig: func() { edit(t, env, "/10.10.183.9", "the printer") },
				Config: env.Config(`data "gantry_ip_pool" "nodes" {
  name                = "prod-nodes"
  include_allocations = true
}`),
				ConfigStateChecks: []statecheck.StateCheck{is("allocations", knownvalue.MapExact(map[string]knownvalue.Check{
					"10.10.183.9": knownvalue.ObjectExact(map[string]knownvalue.Check{
						"cluster_id": knownvalue.Null(),
						"owner":      knownvalue.Null(),
						"since":      knownvalue.Null(),
					}),
				}))},
			},
			{
				Config: env.Config(`data "gantry_ip_pool" "nodes" {
  name       = "prod-nodes"
  gateway_id = "0b7c7a52-3f0a-5c11-8d0f-1c4f8f1b2a33"
}`),
				ExpectError: acctest.Words(`vCenter has no record of IP pool "prod-nodes" of gateway 0b7c7a52-3f0a-5c11-8d0f-1c4f8f1b2a33`),
			},
			{
				PreConfig: func() {
					if err := env.Tags().Delete(t.Context(), env.TagNamed("/10.10.183.9").ID); err != nil {
						t.Fatal(err)
					}
					takeAway()
				},
				Config:      env.Config(`data "gantry_ip_pool" "nodes" { name = "prod-nodes" }`),
				ExpectError: acctest.Words(`IP pool not found`),
			},
		},
	})
}
