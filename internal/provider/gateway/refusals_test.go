package gateway_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccGatewayRefusals asks for what cannot be, and reads the error: on the
// attribute, with what there is instead, before anything is made.
func TestAccGatewayRefusals(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	good := config(e, shape{})
	var steps []resource.TestStep
	for _, c := range []struct{ old, new, want string }{
		{`"gantry-node-1.37.2"`, `"gantry-node-9"`, `Unknown template "gantry-node-9"`},
		{`"gantry-node-1.37.2"`, `"gantry-node-9"`, "gantry-node-1.37.2-nosnap"},
		{`"cluster-a"`, `"cluster-x"`, "cluster-b"},
		{`"shared-1"`, `"shared-9"`, `Unknown datastore "shared-9"`},
		{`"dc-1"`, `"dc-9"`, `Unknown datacenter "dc-9"`},
		{`"10.10.183.20"`, `"10.10.183.2"`, "The IP pool is too small"},
		{`"10.10.183.20"`, `"10.10.182.20"`, `10.10.182.20 comes before start`},
		{`"10.10.183.20"`, `"10.10.300.1"`, `"10.10.300.1" is neither an IPv4 nor an IPv6 address.`},
		{
			`"10.10.128.1"`,
			`"10.10.191.255"`,
			`10.10.191.255 is the network or broadcast address of 10.10.128.0/18: it must lie in the range 10.10.128.1-10.10.191.254`,
		},
		{"prefix_length   = 18", "", "Set prefix_length, such as 24"},
		{"prefix_length   = 18", "prefix_length = 18\n subnet = \"10.10.183.0/24\"", "Both range and subnet are set"},
		{
			"prefix_length   = 18",
			"prefix_length = 18\n excluded_addresses = [\"10.10.183.0/25\"]",
			"The exclusions leave no address of 10.10.183.1-10.10.183.20",
		},
		{"prefix_length   = 18", "prefix_length = 18\n reuse_delay = \"2d\"", `"2d" must be a duration of whole seconds from 0s to 24h`},
		{"node_count         = 1", "node_count = 2", `value must be one of: ["1" "3"]`},
		{"cpu                = 2", "cpu = 1", "value must be between 2 and 256"},
		{"memory_gb          = 4", "memory_gb = 3", "value must be between 4 and 4096"},
		{"disk_gb            = 60", "disk_gb = 59", "value must be between 60 and 62000"},
		{"disk_gb            = 60", "", "has a disk of 20 GB, and each node needs 60 GB. Set disk_gb to at least 60."},
		{"terraform.io\"", "terraform.io/\"", "The URL has a trailing slash"},
		{"https://app", "http://app", "does not use https"},
		{"terraform.io\"", "terraform.io/app\"", `Write "https://app.terraform.io".`},
		{"https://app", "https://user:hunter2@app", "The URL carries a user name or password."},
		{`pairing_code = "token"`, "", "No attribute specified when one (and only one)"},
		{`pairing_code = "token"`, "pairing_code = \"token\"\n  agent_image = \"Not An Image\"", "must be a container image such as"},
		{`pairing_code = "token"`, "pairing_code = \"token\"\n  registration_timeout = \"soon\"", "must be a duration from 1s to 24h"},
		{`pairing_code = "token"`, "pairing_code = \"token\"\n  ip_pool_id = \"00000000-0000-0000-0000-000000000000\"", "ip_pool_id"},
		{
			`network = { ip_allocation = "static" }`, `network = { ip_allocation = "static", pod_cidr = "10.96.0.0/16" }`,
			"10.96.0.0/12 overlaps with the pods' network 10.96.0.0/16",
		},
		{
			`network = { ip_allocation = "static" }`, `network = { ip_allocation = "static", service_cidr = "10.96.0.0/31" }`,
			"The prefix length of 10.96.0.0/31 is not between 12 and 28",
		},
		{
			`pairing_code = "token"`, "pairing_code = \"token\"\n  ntp_servers = [\"ntp://x\"]",
			"ntp_servers[0]: Neither an address nor a host name",
		},
		{
			`pairing_code = "token"`,
			"pairing_code = \"token\"\n  proxy = { http = \"proxy:3128\", https = \"http://p\", no_proxy = \"local\" }",
			"proxy.http: Not a URL such as http://proxy.example.com:3128",
		},
		{`name               = "dc1"`, `name = "Dc1"`, "lower-case"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%q is not in the configuration", c.old)
		}
		steps = append(steps, resource.TestStep{Config: text, PlanOnly: true, ExpectError: acctest.Words(c.want)})
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.Factories(), CheckDestroy: e.CheckDestroy, Steps: steps})
	if vms := e.Leftovers().VMs; len(vms) > 0 {
		t.Errorf("a refused plan has made %v", vms)
	}
}

// TestAccGatewayKeepsWhatRuns refuses to change in place what no step changes.
func TestAccGatewayKeepsWhatRuns(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	good := config(e, shape{})
	refused := func(old, new, want string) resource.TestStep {
		text := strings.Replace(good, old, new, 1)
		if text == good {
			t.Fatalf("%q is not in the configuration", old)
		}
		return resource.TestStep{Config: text, PlanOnly: true, ExpectError: acctest.Words(want + " on a running gateway is not supported")}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: good},
			refused(`"dc1-nodes"`, `"dc1-addresses"`, "A change of ip_pool.name"),
			// A datacenter replaces: the creation is planned like any other.
			{
				Config: strings.Replace(good, `"dc-1"`, `"dc-2"`, 1), PlanOnly: true,
				ExpectError: acctest.Words(`Unknown template "gantry-node-1.37.2"`),
			},
			// Other names of the same objects change nothing that runs.
			{
				PreConfig: func() {
					for from, to := range map[string]string{
						"/dc-1/network/dvpg-nodes": "nodes", "/dc-1/datastore/shared-1": "shared",
						"/dc-1/host/cluster-a": "compute", "/dc-1/vm/templates/gantry-node-1.37.2": "node",
					} {
						if err := e.Rename(from, to); err != nil {
							t.Error(err)
						}
					}
					if err := e.Rename("/dc-1", "dc"); err != nil {
						t.Error(err)
					}
				},
				Config: strings.NewReplacer(
					`"dvpg-nodes"`, `"/dc/network/nodes"`, `"shared-1"`, `"shared"`, `"cluster-a"`, `"compute"`,
					`"gantry-node-1.37.2"`, `"node"`, `"dc-1"`, `"dc"`,
				).Replace(good),
				ConfigPlanChecks:  plans(plancheck.ResourceActionUpdate, created...),
				ConfigStateChecks: []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))},
			},
		},
	})
}
