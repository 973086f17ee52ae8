package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccClusterUpgrade upgrades a cluster by one minor version, and is refused two of
// them and the way back.
func TestAccClusterUpgrade(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	of := func(version, image string) string {
		out := config(e, shape{controlPlane: 1, workers: 1, template: "gantry-node-" + image})
		return strings.Replace(out, `kubernetes_version = "1.37.2"`, `kubernetes_version = "`+version+`"`, 1)
	}
	images := tfjsonpath.New("images")
	listed := func(version string) knownvalue.Check {
		spec := enginemodel.ClusterSpec{KubernetesVersion: version}
		var values []knownvalue.Check
		for _, image := range spec.Images() {
			values = append(values, knownvalue.StringExact(image))
		}
		return knownvalue.ListExact(values)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:            of("1.36.3", "1.36.3"),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(cluster, images, listed("1.36.3"))},
			},
			{
				Config:      of("1.38.0", "1.37.2"),
				PlanOnly:    true,
				ExpectError: says("one minor version at a time", "profile.kubernetes_version", "1.37.x, then 1.38.0"),
			},
			{
				Config: of("1.37.2", "1.37.2"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: append(showsPlan(
						"update_kubeadm_config", "prod",
						"snapshot_etcd", "prod", "create_node", "prod-cp-2", "delete_node", "prod-cp-1",
						"update_addon", "kube-proxy", "update_addon", "coredns",
						"create_node", "prod-general-2", "delete_node", "prod-general-1",
					).PreApply, plancheck.ExpectKnownValue(cluster, images, listed("1.37.2"))),
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{
				Config:      of("1.36.3", "1.36.3"),
				PlanOnly:    true,
				ExpectError: says("never downgraded", "profile.kubernetes_version"),
			},
		},
	})
}
