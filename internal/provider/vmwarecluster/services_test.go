package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// withService has a cluster run a service of type NodePort, and limits of its usage.
func withService(config string) string {
	config = strings.Replace(config, `profile       = {`, `usage_limits = { cpu_percent = 80 }
  profile = {
    packs = { app = { layer = "addon", manifests = [yamlencode({
      apiVersion = "v1", kind = "Service", metadata = { name = "web", namespace = "default" }
      spec       = { type = "NodePort", ports = [{ port = 80, nodePort = 30080, protocol = "TCP" }] }
    })] } },`, 1)
	return config + `
data "gantry_vmware_cluster" "prod" {
  name       = gantry_vmware_cluster.prod.name
  kubeconfig = gantry_vmware_cluster.prod.kubeconfig
}
`
}

// TestAccClusterServices shows the services of a cluster and what its nodes have, and where
// metrics are not served, that its usage is not known and its health not worse for that.
func TestAccClusterServices(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	const found = "data.gantry_vmware_cluster.prod"
	var checks []resource.TestCheckFunc
	for _, of := range []string{cluster, found} {
		checks = append(checks,
			resource.TestCheckResourceAttr(of, "services.%", "1"),
			resource.TestCheckResourceAttr(of, "services.default/web.type", "NodePort"),
			resource.TestCheckResourceAttr(of, "services.default/web.addresses.#", "0"),
			resource.TestCheckResourceAttr(of, "services.default/web.ports.0.node_port", "30080"),
		)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:      strings.Replace(withService(config(e, shape{controlPlane: 1})), "{ cpu_percent = 80 }", "{}", 1),
				ExpectError: says("usage_limits", "Set at least one of cpu_percent"),
			},
			{
				Config: withService(config(e, shape{controlPlane: 1})),
				Check: resource.ComposeAggregateTestCheckFunc(append(checks,
					resource.TestCheckResourceAttr(found, "usage.nodes.%", "1"),
					resource.TestCheckResourceAttr(found, "usage.total.cpu_allocatable_millicores", "4000"),
					resource.TestCheckNoResourceAttr(found, "usage.total.cpu_used_millicores"),
					resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", map[string]string{
						"type": "UsageWithinLimits", "status": "Unknown", "reason": "NotMeasured",
					}),
				)...),
			},
			{
				Config: strings.Replace(withService(config(e, shape{controlPlane: 1})),
					"  kubeconfig = gantry_vmware_cluster.prod.kubeconfig\n", "  kubeconfig = \"kind: Config\"\n", 1),
				ExpectError: says("Unable to ask the cluster's API", "the kubeconfig has no current context"),
			},
		},
	})
}
