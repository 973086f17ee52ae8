package datacenters_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

func TestAccDatacenters(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	at := func(check knownvalue.Check, keys ...string) statecheck.StateCheck {
		p := tfjsonpath.New("datacenters")
		for _, k := range keys {
			p = p.AtMapKey(k)
		}
		return statecheck.ExpectKnownValue("data.gantry_datacenters.all", p, check)
	}
	name := knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{{
			Config: env.Config(`data "gantry_datacenters" "all" {}`),
			ConfigStateChecks: []statecheck.StateCheck{
				at(name("/dc-2"), "dc-2", "path"),
				at(knownvalue.MapSizeExact(3), "dc-1", "compute_clusters"),
				at(knownvalue.Int64Exact(3), "dc-1", "compute_clusters", "cluster-a", "hosts"),
				at(knownvalue.ListExact([]knownvalue.Check{name("local-a"), name("shared-1")}), "dc-1", "compute_clusters", "cluster-a", "datastores"),
				at(knownvalue.ListPartial(map[int]knownvalue.Check{0: name("Resources"), 1: name("Resources/gantry")}),
					"dc-1", "compute_clusters", "cluster-a", "resource_pools"),
				at(knownvalue.Bool(true), "dc-1", "datastores", "shared-1", "accessible"),
				at(name("DistributedVirtualPortgroup"), "dc-1", "networks", "dvpg-nodes", "type"),
				at(name("Network"), "dc-1", "networks", "VM Network", "type"),
				at(knownvalue.ListPartial(map[int]knownvalue.Check{0: name("k8s"), 1: name("templates")}), "dc-1", "folders"),
				at(name("/dc-1/vm/templates/gantry-node-1.37.2"), "dc-1", "templates", "gantry-node-1.37.2", "path"),
				at(knownvalue.Bool(true), "dc-1", "templates", "gantry-node-1.37.2", "snapshot"),
				at(knownvalue.Bool(false), "dc-1", "templates", "gantry-node-1.37.2-nosnap", "snapshot"),
			},
		}},
	})
}
