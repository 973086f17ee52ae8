package gateway_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// agentsOn expects one agent on each of the nodes, and none elsewhere.
func agentsOn(e *acctest.Environment, nodes ...string) resource.TestCheckFunc {
	return inside(e, func(ctx context.Context, client kubernetes.Interface) error {
		pods, err := client.CoreV1().Pods(agent.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		found := map[string]int{}
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp == nil {
				found[pod.Spec.NodeName]++
			}
		}
		if !slices.Equal(slices.Sorted(maps.Keys(found)), nodes) || len(pods.Items) != len(nodes) {
			return fmt.Errorf("agents run on %v, want one on each of %v", found, nodes)
		}
		return nil
	})
}

// TestAccGatewayOfThree grows a gateway in place, which touches neither its node nor its
// endpoint, upgrades it node by node, and refuses to make it smaller.
func TestAccGatewayOfThree(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	one := config(e, shape{})
	three := strings.Replace(one, "node_count         = 1", "node_count         = 3", 1)
	grown := plans(plancheck.ResourceActionUpdate, "create_node", "dc1-cp-2", "create_node", "dc1-cp-3", "apply_pack", "agent")
	grown.PreApply = append(grown.PreApply, kept("control_plane_endpoint", "kubeconfig", "ip_pool_id")...)
	grown.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
	rolled := plans(plancheck.ResourceActionUpdate, "snapshot_etcd", "dc1",
		"create_node", "dc1-cp-4", "delete_node", "dc1-cp-1", "create_node", "dc1-cp-5", "delete_node", "dc1-cp-2",
		"create_node", "dc1-cp-6", "delete_node", "dc1-cp-3")
	rolled.PostApplyPostRefresh = grown.PostApplyPostRefresh
	replaced := plans(plancheck.ResourceActionUpdate, "snapshot_etcd", "dc1", "create_node", "dc1-cp-7", "delete_node", "dc1-cp-5")
	replaced.PostApplyPostRefresh = grown.PostApplyPostRefresh
	larger := strings.Replace(three, "memory_gb          = 4", "memory_gb          = 5", 1)
	named := func(node string) string {
		return strings.Replace(larger, "node_count         = 3", fmt.Sprintf("node_count = 3\n  replace_nodes = [%q]", node), 1)
	}
	running := []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))}
	var first string
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: one,
				Check: resource.ComposeTestCheckFunc(agentsOn(e, "dc1-cp-1"), resource.TestCheckResourceAttrWith(gateway, "nodes.dc1-cp-1.vm_id",
					func(ref string) error { first = ref; return nil })),
			},
			{
				Config: three, ConfigPlanChecks: grown, ConfigStateChecks: running,
				Check: resource.ComposeTestCheckFunc(agentsOn(e, "dc1-cp-1", "dc1-cp-2", "dc1-cp-3"),
					resource.TestCheckResourceAttrWith(gateway, "nodes.dc1-cp-1.vm_id", func(ref string) error {
						if ref != first {
							return fmt.Errorf("the first node was built anew: %s, was %s", ref, first)
						}
						return nil
					})),
			},
			{Config: one, PlanOnly: true, ExpectError: acctest.Words("A control plane never shrinks")},
			{
				Config:           larger,
				ConfigPlanChecks: rolled, ConfigStateChecks: running,
				Check: agentsOn(e, "dc1-cp-4", "dc1-cp-5", "dc1-cp-6"),
			},
			{Config: named("dc1-cp-9"), PlanOnly: true, ExpectError: acctest.Words("Node to replace not found")},
			{
				Config:           named("dc1-cp-5"),
				ConfigPlanChecks: replaced, ConfigStateChecks: running,
				Check: agentsOn(e, "dc1-cp-4", "dc1-cp-6", "dc1-cp-7"),
			},
		},
	})
}
