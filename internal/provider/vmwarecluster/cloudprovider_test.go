package vmwarecluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
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

// inProfile is a configuration with packs.
func inProfile(config string, packs ...string) string {
	const profile = `image = { template = "gantry-node-1.37.2" }`
	return strings.Replace(config, profile, profile+", packs = { "+strings.Join(packs, ", ")+" }", 1)
}

// manifestPack is a pack of a manifest, with other attributes.
func manifestPack(name, layer, manifest string, others ...string) string {
	attributes := append([]string{
		fmt.Sprintf("layer = %q", layer), fmt.Sprintf("manifests = [%q]", strings.ReplaceAll(manifest, "${", "$${")),
	}, others...)
	return name + " = { " + strings.Join(attributes, ", ") + " }"
}

// TestAccClusterCloudProvider makes a cluster with a cloud provider. What that writes on
// the nodes is nothing to plan, and it cannot be taken out.
func TestAccClusterCloudProvider(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	with := func(packs ...string) string {
		return inProfile(config(e, shape{controlPlane: 1, workers: 1}), packs...)
	}
	network := manifestPack("net", "cni", podNetwork)
	cloud := manifestPack("vsphere", "cpi", cpimanifest.Manifest(e.Server(), e.Username(), e.Password(), true))
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

// TestAccClusterCloudProviderFollowsTheAccount changes the password of an account and adds a
// worker in one apply: the cloud provider initializes it, which it cannot with the old one.
func TestAccClusterCloudProviderFollowsTheAccount(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{Users: map[string]string{team: "first-1!"}})
	with := func(workers int, password string) string {
		return inProfile(asTeam(e, workers, password), manifestPack("net", "cni", podNetwork),
			manifestPack("vsphere", "cpi", cpimanifest.Manifest(e.Server(), "", "", true),
				`vsphere_credentials = { namespace = "kube-system", secret = "vsphere-cloud-secret", format = "cpi" }`))
	}
	initialized := resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*",
		map[string]string{"type": "NodesInitialized", "status": "True"})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: with(1, "first-1!"), Check: initialized},
			{
				PreConfig: func() { e.SetPassword(team, "second-2!") },
				Config:    with(2, "second-2!"),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(cluster, tfjsonpath.New("planned_changes"), knownvalue.ListPartial(map[int]knownvalue.Check{
						0: knownvalue.ObjectExact(map[string]knownvalue.Check{
							"action": knownvalue.StringExact("write_credentials"),
							"target": knownvalue.StringExact("vsphere (kube-system/vsphere-cloud-secret)"),
						}),
					})),
				}},
				Check: initialized,
			},
		},
	})
}
