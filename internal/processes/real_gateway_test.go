//go:build real

package processes_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
)

// gateway is a configuration with a gateway dc1 of real nodes.
func (d *datacenter) gateway(nodes int) string {
	return d.Provider() + fmt.Sprintf(`
resource "gantry_gateway" "dc1" {
  name               = "dc1"
  node_count         = %d
  image              = { template = "gantry-node-1.37.2" }
  kubernetes_version = "1.37.2"
  cpu                = 2
  memory_gb          = 4
  disk_gb            = 60
  placement = {
    datacenter      = "dc-1"
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    folder          = "k8s/dc1"
  }
  network = { ip_allocation = "static", pod_cidr = "192.168.0.0/16", service_cidr = "10.96.0.0/12" }
  ip_pool = {
    name            = "dc1-nodes"
    range           = { start = "10.10.183.1", end = "10.10.183.20" }
    prefix_length   = 18
    default_gateway = "10.10.128.1"
  }
  console_endpoint = "https://app.terraform.io"
  pairing_code     = "token"
}

output "result" {
  value = {
    state    = gantry_gateway.dc1.state
    endpoint = gantry_gateway.dc1.control_plane_endpoint
    nodes    = { for name, node in gantry_gateway.dc1.nodes : name => node.address }
  }
}

output "kubeconfig" {
  value     = gantry_gateway.dc1.kubeconfig
  sensitive = true
}
`, nodes)
}

// agentsOn expects a running agent on each node, none elsewhere, and what it is told of
// the gateway.
func (d *datacenter) agentsOn(w *workspace, nodes ...string) {
	d.t.Helper()
	d.eventually("the agents", func(ctx context.Context) error {
		pods, err := d.api(w).CoreV1().Pods(agent.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "status.phase=Running"})
		if err != nil {
			return err
		}
		on := map[string]corev1.Pod{}
		for _, pod := range pods.Items {
			on[pod.Spec.NodeName] = pod
		}
		if got := slices.Sorted(maps.Keys(on)); !slices.Equal(got, nodes) || len(pods.Items) != len(nodes) {
			return fmt.Errorf("%d agents run on %q, want one on each of %q", len(pods.Items), got, nodes)
		}
		return nil
	})
	for _, node := range nodes {
		said, err := d.inside(node, "sh", "-c", "cat /var/lib/kubelet/pods/*/volume-subpaths/identity/agent/*")
		if err != nil || len(strings.TrimSpace(said)) != 36 {
			d.t.Errorf("the agent on %s reads of its gateway %q (%v)", node, said, err)
		}
	}
}

// TestRealGateway builds a gateway of one node, whose agent idles, and has it grow to
// three: the first node and the endpoint stay, and each node has an agent in the end.
func TestRealGateway(t *testing.T) {
	d := newRealDatacenter(t, realOptions(t))
	w := newWorkspace(t, d.gateway(1))
	w.patience = patience
	w.must(apply...)
	d.nodesReady(w, 1)
	d.agentsOn(w, "dc1-cp-1")
	vip, cluster, boots := d.vip(w), d.uid(w), d.boots(w)

	w.configure(d.gateway(3))
	w.must(apply...)
	d.nodesReady(w, 3)
	d.allJoined()
	all := []string{"dc1-cp-1", "dc1-cp-2", "dc1-cp-3"}
	d.agentsOn(w, all...)
	if got := d.members("dc1-cp-1"); !slices.Equal(slices.Sorted(slices.Values(got)), all) {
		t.Errorf("etcd has the members %q", got)
	}
	if d.vip(w) != vip || d.uid(w) != cluster || d.boots(w)["dc1-cp-1"] != boots["dc1-cp-1"] {
		t.Error("the endpoint moved, another cluster answers, or the first node was built anew")
	}
	w.nothingToDo()
	d.nothingRuns(w)
}
