package nodeimage_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAccNodeImageRefusals asks for images that cannot be, and reads the error in the plan.
func TestAccNodeImageRefusals(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	digest := strings.Repeat("5b", 32)
	steps := []resource.TestStep{{Config: e.Config(pool)}}
	refused := func(config string, want ...string) {
		words := make([]string, len(want))
		for i, w := range want {
			words[i] = acctest.Words(w).String()
		}
		steps = append(steps, resource.TestStep{
			Config: config, PlanOnly: true, ExpectError: regexp.MustCompile("(?s)" + strings.Join(words, ".*")),
		})
	}
	refused(config(e, shape{name: "-golden"}), "name", "letter or digit at both ends")
	refused(config(e, shape{base: "{}"}), "Image missing", "imported as one.")
	refused(config(e, shape{base: `{ template = "a", ova_url = "https://f.example.com/a.ova", sha256 = "` + digest + `" }`}), "Two images")
	refused(config(e, shape{base: `{ ova_url = "https://f.example.com/a.ova" }`}), "Digest missing")
	refused(config(e, shape{base: `{ ova_url = "/nowhere/a.ova", sha256 = "` + digest + `" }`}), "The OVA is not there", "base.ova_url")
	refused(config(e, shape{base: `{ template = "none" }`}), "none", "base.template")
	refused(config(e, shape{network: "none"}), "none", "placement.network")
	refused(config(e, shape{build: `, install_kubernetes = { version = "1.20.0" }`}), "Invalid Kubernetes version")
	refused(config(e, shape{build: `, install_kubernetes = { version = "1.37.2", repository = "https://pkgs.k8s.io/core:/stable:/v1.36" }`}),
		"Package repository of another version", "build.install_kubernetes.repository")
	refused(config(e, shape{build: `, install_kubernetes = { version = "1.37.2", repository = "http://m.example.com/v1.37" }`}),
		"Invalid package repository")
	refused(strings.Replace(config(e, shape{}), "ip_pool_id = gantry_ip_pool.nodes.id", "", 1), "IP pool missing", "Set ip_pool_id")
	refused(strings.Replace(config(e, shape{}), `"static"`, `"dhcp"`, 1), "IP pool with DHCP", "Remove ip_pool_id")
	refused(strings.Replace(config(e, shape{}), "gantry_ip_pool.nodes.id", `"11111111-2222-4333-8444-555555555555"`, 1), "IP pool not found")
	steps = append(steps, resource.TestStep{Config: e.Config(pool)})
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.Factories(), CheckDestroy: e.CheckDestroy, Steps: steps})
}

// TestAccNodeImageWithLeases builds with a lease, and without an IP pool.
func TestAccNodeImageWithLeases(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{})
	leased := strings.Replace(strings.Replace(config(e, shape{}), `"static"`, `"dhcp"`, 1), "ip_pool_id = gantry_ip_pool.nodes.id", "", 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(), CheckDestroy: e.CheckDestroy, Steps: []resource.TestStep{{Config: leased}},
	})
}

// TestAccNodeImagePoolIsMissing changes the IP pool in place, to one that is not there: the next replacement
// would fail half way.
func TestAccNodeImagePoolIsMissing(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	gone := strings.Replace(config(e, shape{}), "gantry_ip_pool.nodes.id", `"b9a3a4f3-7bd5-4a3a-9a34-0d0a3f4dbb16"`, 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{})},
			{Config: gone, PlanOnly: true, ExpectError: acctest.Words("IP pool not found")},
		},
	})
}
