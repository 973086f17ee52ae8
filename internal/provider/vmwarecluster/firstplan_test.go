package vmwarecluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccClusterFirstPlan asks for what cannot be while everything is still to be made:
// the plan refuses it as it does once the IP pool is there, and nothing is touched.
func TestAccClusterFirstPlan(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	good := config(e, shape{controlPlane: 1, workers: 2})
	const (
		pool    = `range           = { start = "10.10.183.1", end = "10.10.183.50" }`
		network = `network       = { ip_allocation = "static", pod_cidr = "192.168.0.0/16" }`
	)
	const resourceOf = `resource "gantry_vmware_cluster"`
	_, twin, _ := strings.Cut(good, resourceOf)
	twin = resourceOf + strings.NewReplacer(`"prod" {`, `"twin" {`, `= "prod"`, `= "twin"`, "k8s/prod", "k8s/twin").Replace(twin)
	var steps []resource.TestStep
	for name, c := range map[string]struct {
		old, new string
		more     string
		want     []string
	}{
		"too small": {
			old: pool, new: strings.Replace(pool, ".50", ".5", 1),
			want: []string{"The IP pool is too small", "5 addresses", "6 are needed"},
		},
		"too small subnet": {old: pool, new: `subnet = "10.10.183.8/30"`, want: []string{"The IP pool is too small", "2 addresses"}},
		"too many exclusions": {
			old: pool, new: pool + "\n  excluded_addresses = [\"10.10.183.2-10.10.183.46\"]", want: []string{"5 addresses", "6 are needed"},
		},
		"pods on the nodes' network": {old: "192.168.0.0/16", new: "10.10.0.0/16", want: []string{"overlaps with the node's network"}},
		"services on the nodes' network": {
			old: network, new: `network = { ip_allocation = "static", service_cidr = "10.10.128.0/20" }`,
			want: []string{"overlaps with the node's network"},
		},
		"services of two addresses": {
			old: network, new: `network = { ip_allocation = "static", service_cidr = "10.96.0.0/31" }`, want: []string{"between 12 and 28"},
		},
		"pool of IPv6": {
			old:  pool + "\n  prefix_length   = 18\n  default_gateway = \"10.10.128.1\"\n  nameservers     = [\"10.10.128.2\"]",
			new:  "range = { start = \"2001:db8::10\", end = \"2001:db8::40\" }\n prefix_length = 64\n default_gateway = \"2001:db8::1\"",
			want: []string{"different families"},
		},
		"network of another pool": {old: pool, new: pool + "\n  network = \"dvpg-b\"", want: []string{"Not the network of the IP pool"}},
		"pod network of one node": {old: "192.168.0.0/16", new: "192.168.0.0/24", want: []string{"The pod network is too small"}},
		"pod network of one node, on an unknown pool": {
			old: "192.168.0.0/16", new: "192.168.0.0/24",
			more: "resource \"terraform_data\" \"later\" { input = \"\" }", want: []string{"The pod network is too small"},
		},
		"two clusters": {
			old: pool, new: strings.Replace(pool, ".50", ".10", 1), more: twin,
			want: []string{"The IP pool is too small", "10 addresses, 0 in use and 5 free", "In the same plan", "takes 5"},
		},
		"two clusters on a restricted pool": {
			old: pool, new: pool + "\n  restrict_to_single_cluster = true", more: twin, want: []string{"IP pool used by another cluster"},
		},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%s: %q is not in the configuration", name, c.old)
		}
		if strings.Contains(c.more, "terraform_data") {
			text = strings.ReplaceAll(text, "gantry_ip_pool.nodes.id", `"${gantry_ip_pool.nodes.id}${terraform_data.later.output}"`)
		}
		steps = append(steps, resource.TestStep{Config: text + c.more, PlanOnly: true, ExpectError: says(c.want...)})
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.Factories(), CheckDestroy: e.CheckDestroy, Steps: steps})
	if left := e.Leftovers(); len(left.VMs) > 0 {
		t.Errorf("a refused plan has made %v", left)
	}
}

// TestAccClusterOnAChangingPool grows a cluster on a pool that the same plan changes, and
// is judged by what the pool will be.
func TestAccClusterOnAChangingPool(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	shaped := func(workers, addresses int) string {
		return config(e, shape{controlPlane: 1, workers: workers, poolEnd: fmt.Sprintf("10.10.183.%d", addresses)})
	}
	refused := func(config string, words ...string) resource.TestStep {
		return resource.TestStep{Config: config, PlanOnly: true, ExpectError: says(words...)}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: shaped(1, 6)},
			refused(shaped(3, 6), "The IP pool is too small", "6 addresses, 4 in use and 2 free"),
			{
				Config:           shaped(3, 7),
				ConfigPlanChecks: showsPlan("create_node", "prod-general-2", "create_node", "prod-general-3"),
			},
		},
	})
}
