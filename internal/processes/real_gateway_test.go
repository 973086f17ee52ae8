//go:build real

package processes_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
)

// gateway is a configuration with a gateway of real nodes.
func (d *datacenter) gateway(nodes int) string {
	d.t.Helper()
	return d.Provider() + fmt.Sprintf(`
resource "gantry_gateway" "dc1" {
  name               = "dc1"
  node_count         = %d
  kubernetes_version = "1.37.2"
  image              = { template = "gantry-node-1.37.2" }
  cpu                = 2
  memory_gb          = 4
  disk_gb            = 60
  placement = {
    datacenter      = "dc-1"
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    folder          = "gateways/dc1"
  }
  network = { ip_allocation = "static" }
  ip_pool = {
    name            = "gateway-dc1"
    range           = { start = "10.10.184.1", end = "10.10.184.10" }
    prefix_length   = 18
    default_gateway = "10.10.128.1"
    nameservers     = ["10.10.128.1"]
  }
  console_endpoint = "https://app.terraform.io"
  pairing_code     = "agent-pool-token"
}

output "result" {
  value = {
    id       = gantry_gateway.dc1.id
    state    = gantry_gateway.dc1.state
    endpoint = gantry_gateway.dc1.control_plane_endpoint
  }
}

output "kubeconfig" {
  value     = gantry_gateway.dc1.kubeconfig
  sensitive = true
}
`, nodes)
}

// TestRealGateway lets a gateway grow from one node to three: the first node and the
// endpoint stay, and each node runs an agent, which idles here, as there is no console. Then
// the node dies that holds the VIP: the endpoint moves, and two agents go on.
func TestRealGateway(t *testing.T) {
	d := newRealDatacenter(t, realOptions(t))
	w := newWorkspace(t, d.gateway(1))
	w.patience = patience
	w.must(apply...)
	first := d.nodesReady(w, 1)[0]
	endpoint := d.vip(w)
	d.agentsRun(w, "dc1-cp-1")
	w.nothingToDo()

	w.configure(d.gateway(3))
	w.must(apply...)
	all := []string{"dc1-cp-1", "dc1-cp-2", "dc1-cp-3"}
	for _, node := range d.nodesReady(w, 3) {
		if node.Name == first.Name && (node.UID != first.UID || node.Status.NodeInfo.BootID != first.Status.NodeInfo.BootID) {
			t.Errorf("%s is another node than before", node.Name)
		}
	}
	if got := d.vip(w); got != endpoint {
		t.Errorf("the endpoint is %s, and was %s", got, endpoint)
	}
	d.agentsRun(w, all...)
	for _, node := range all {
		d.knowsItsGateway(w, node)
	}
	w.nothingToDo()

	dead, err := d.holder(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	boots := d.boots(w)
	if err := d.PowerOffVM(dead); err != nil {
		t.Fatal(err)
	}
	took := d.eventually("the API behind the VIP, after its holder died", func(ctx context.Context) error {
		_, err := d.api(w).CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		if next, _ := d.holder(endpoint); err == nil && next == dead {
			err = errors.New("the dead node holds the VIP")
		}
		return err
	})
	t.Logf("the API was back behind the VIP after %s", took.Round(100*time.Millisecond))
	var alive []string
	for _, name := range all {
		if name != dead {
			alive = append(alive, name)
		}
	}
	d.agentsRun(w, alive...)
	d.powerOn(w, boots, dead)
	d.nodesReady(w, 3)
	d.agentsRun(w, all...)
	w.nothingToDo()
	d.nothingRuns(w)
}

// agentsRun expects an agent that runs on each of some nodes.
func (d *datacenter) agentsRun(w *workspace, nodes ...string) {
	d.t.Helper()
	d.eventually(fmt.Sprintf("an agent on each of %q", nodes), func(ctx context.Context) error {
		pods, err := d.api(w).CoreV1().Pods(agent.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		on := map[string]int{}
		var seen []string
		for _, pod := range pods.Items {
			seen = append(seen, fmt.Sprintf("%s on %q is %s %+v", pod.Name, pod.Spec.NodeName, pod.Status.Phase, pod.Status.Conditions))
			if isRunning(pod) {
				on[pod.Spec.NodeName]++
			}
		}
		for _, node := range nodes {
			if on[node] != 1 {
				return fmt.Errorf("%s has %d: %s", node, on[node], strings.Join(seen, "\n"))
			}
		}
		return nil
	})
}

func isRunning(pod corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// knowsItsGateway expects the gateway's id where the agent of a node, and what it runs, looks
// for it.
func (d *datacenter) knowsItsGateway(w *workspace, node string) {
	d.t.Helper()
	var got struct{ ID string }
	w.outputs(&got)
	id := d.shell(node, `for at in /proc/[0-9]*; do
	if [ "$(cat $at/comm 2>/dev/null)" = idle ]; then cat $at/root`+agent.IdentityPath+`; fi
done`)
	if got.ID == "" || strings.TrimSpace(id) != got.ID {
		d.t.Errorf("the agent of %s takes itself for one of %q, and the gateway is %q", node, id, got.ID)
	}
}
