package vmwarecluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/testing/cpimanifest"
)

const podNetwork = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: net, namespace: kube-system}
spec:
  selector: {matchLabels: {app: net}}
  template:
    metadata: {labels: {app: net}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      containers: [{name: net, image: net}]
`

// TestAccClusterCloudProvider makes a cluster with a cloud provider. What that writes on
// the nodes is nothing to plan, and it cannot be taken out.
func TestAccClusterCloudProvider(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	with := func(packs ...string) string {
		profile := `image = { template = "gantry-node-1.37.2" }`
		return strings.Replace(config(e, shape{controlPlane: 1, workers: 1}), profile, profile+", packs = { "+strings.Join(packs, ", ")+" }", 1)
	}
	pack := func(name, layer, manifest string) string {
		return fmt.Sprintf("%s = { layer = %q, manifests = [%q] }", name, layer, strings.ReplaceAll(manifest, "${", "$${"))
	}
	network := pack("net", "cni", podNetwork)
	cloud := pack("vsphere", "cpi", cpimanifest.Manifest(e.Server(), e.Username(), e.Password(), true))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: with(network, cloud),
				Check: resource.ComposeTestCheckFunc(
					resource.TestCheckResourceAttr(cluster, "state", "Running"),
					resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", map[string]string{"type": "NodesInitialized", "status": "True"}),
				),
			},
			{
				Config:      with(network),
				PlanOnly:    true,
				ExpectError: says("packs", "cannot do without its cloud provider", "prod-cp-1", "Keep a pack of layer cpi"),
			},
		},
	})
}
