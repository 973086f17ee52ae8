package vmwarecluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// kept is a cluster of one control-plane node and three workers that become Ready, with
// what is said of how they are replaced.
type kept struct {
	cpu     int    // of the workers
	rolling string // HCL of rolling_update
	extra   string // HCL of more attributes
}

func (k kept) config(e *acctest.Environment) string {
	const profile, general = `image = { template = "gantry-node-1.37.2" } }`, `labels     = { tier = "general" }`
	const network = `image = { template = "gantry-node-1.37.2" }, packs = { net = { layer = "cni", manifests = [<<-EOT
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
    EOT
  ] } } }`
	out := config(e, shape{controlPlane: 1, workers: 3, poolEnd: "10.10.183.8", extra: k.extra})
	out = strings.Replace(out, profile, network, 1)
	before, after, _ := strings.Cut(out, "worker_pools = {")
	after = strings.Replace(after, "cpu        = 2", fmt.Sprintf("cpu        = %d", k.cpu), 1)
	return before + "worker_pools = {" + strings.Replace(after, general, general+"\n      rolling_update = { "+k.rolling+" }", 1)
}

// hangs stops a node's kubelet, and lets time go by once the cluster's API says so.
func hangs(t *testing.T, e *acctest.Environment, kubeconfig *string, node string, since time.Duration) func() {
	return func() {
		t.Helper()
		if err := e.HangVM(node); err != nil {
			t.Fatal(err)
		}
		api, err := kube.New(kube.Options{ProxyURL: e.ProxyURL()}).Connect([]byte(*kubeconfig), pki.KeyPair{})
		if err != nil {
			t.Fatal(err)
		}
		for ready, deadline := true, time.Now().Add(time.Minute); ready; time.Sleep(10 * time.Millisecond) {
			nodes, err := api.Nodes(t.Context())
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("%s is still Ready: %v", node, err)
			}
			for _, n := range nodes {
				ready = ready && (n.Name != node || n.Ready)
			}
		}
		e.AdvanceClock(since)
	}
}

// TestAccClusterKeepsItsWorkers rolls workers two at a time, replaces one that is named
// and repairs one that is not Ready; after each, the plan is empty.
func TestAccClusterKeepsItsWorkers(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	var kubeconfig string
	remember := func(s *terraform.State) error {
		kubeconfig = s.RootModule().Resources[cluster].Primary.Attributes["kubeconfig"]
		return nil
	}
	shown := func(steps ...string) resource.ConfigPlanChecks {
		checks := showsPlan(steps...)
		checks.PostApplyPostRefresh = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}
		return checks
	}
	const surge = `max_surge = 2, node_pause = "1s"`
	const named = `repair = {}
  replace_nodes = ["prod-general-5"]`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: kept{cpu: 2, rolling: surge}.config(e), Check: remember},
			{
				Config: kept{cpu: 4, rolling: surge}.config(e),
				ConfigPlanChecks: shown("create_node", "prod-general-4", "create_node", "prod-general-5",
					"delete_node", "prod-general-1", "delete_node", "prod-general-2",
					"create_node", "prod-general-6", "delete_node", "prod-general-3"),
				ConfigStateChecks: []statecheck.StateCheck{
					nodeNames("prod-cp-1", "prod-general-4", "prod-general-5", "prod-general-6"), isState("Running")},
			},
			{
				Config:      kept{cpu: 4, rolling: surge, extra: `replace_nodes = ["prod-general-9"]`}.config(e),
				ExpectError: says("Node to replace not found", "replace_nodes", `"prod-general-9"`),
			},
			{
				Config:           kept{cpu: 4, rolling: surge, extra: named}.config(e),
				ConfigPlanChecks: shown("create_node", "prod-general-7", "delete_node", "prod-general-5"),
				ConfigStateChecks: []statecheck.StateCheck{
					nodeNames("prod-cp-1", "prod-general-4", "prod-general-6", "prod-general-7"), isState("Running")},
			},
			{
				PreConfig:        hangs(t, e, &kubeconfig, "prod-general-6", 11*time.Minute),
				Config:           kept{cpu: 4, rolling: `strategy = "contract_first", max_unavailable = 2`, extra: named}.config(e),
				ConfigPlanChecks: shown("delete_node", "prod-general-6", "create_node", "prod-general-8"),
				ConfigStateChecks: []statecheck.StateCheck{
					nodeNames("prod-cp-1", "prod-general-4", "prod-general-7", "prod-general-8"), isState("Running")},
			},
		},
	})
}
