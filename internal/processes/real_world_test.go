//go:build real

package processes_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// patience is for what real machines take their time for, on a slow machine.
const patience = 5 * time.Minute

// realOptions are those of guests that run real Kubernetes. It fails where they
// cannot run: who asks for these tests wants to know.
func realOptions(t *testing.T) machine.Options {
	t.Helper()
	guestBinary := os.Getenv("GANTRY_TEST_GUEST")
	if guestBinary == "" {
		t.Fatal("GANTRY_TEST_GUEST does not name the gantry-guest binary: run make test-real")
	}
	return machine.Options{Guest: guestBinary}
}

// newRealDatacenter is a datacenter whose guests run real Kubernetes, with more
// templates than the standard ones.
func newRealDatacenter(t *testing.T, options machine.Options, templates ...simulator.Template) *datacenter {
	t.Helper()
	t.Cleanup(func() {
		if left := machine.Leftovers(); len(left) > 0 {
			t.Errorf("left behind on this machine: %q", left)
		}
	})
	d := &datacenter{t: t, Environment: acctest.New(t, simulator.Options{
		Real: &options, Inventory: simulator.Inventory{Templates: templates},
	})}
	d.consoles()
	return d
}

// real is a configuration with a cluster prod of real nodes: a pod network, and
// one worker pool with whatever is written in it.
func (d *datacenter) real(version string, controlPlanes, workers int, pool string) string {
	d.t.Helper()
	network, err := filepath.Abs("../../examples/complete/manifests/cni.yaml")
	if err != nil {
		d.t.Fatal(err)
	}
	at := func(cluster string) string {
		return fmt.Sprintf(`{
    compute_cluster = %q
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    resource_pool   = "gantry"
    ip_pool_id      = gantry_ip_pool.nodes.id
  }`, cluster)
	}
	return d.shared() + fmt.Sprintf(`
resource "gantry_vmware_cluster" "prod" {
  name          = "prod"
  cloud_account = gantry_cloud_account.team
  profile = {
    kubernetes_version = %[1]q
    image              = { template = "gantry-node-%[1]s" }
    packs              = { flannel = { layer = "cni", manifests = [file(%[2]q)] } }
  }
  datacenter    = "dc-1"
  folder        = "k8s/prod"
  network       = { ip_allocation = "static", pod_cidr = "192.168.0.0/16", service_cidr = "10.96.0.0/12" }
  control_plane = { node_count = %[3]d, cpu = 2, memory_gb = 4, placements = [%[4]s] }
  worker_pools = {
    general = {
      node_count = %[5]d
      cpu        = 2
      memory_gb  = 4
      placements = [%[4]s, %[6]s]
      %[7]s
    }
  }
}

output "result" {
  value = {
    state    = gantry_vmware_cluster.prod.state
    endpoint = gantry_vmware_cluster.prod.control_plane_endpoint
    images   = gantry_vmware_cluster.prod.images
    nodes    = { for name, node in gantry_vmware_cluster.prod.nodes : name => node.address }
  }
}

output "kubeconfig" {
  value     = gantry_vmware_cluster.prod.kubeconfig
  sensitive = true
}
`, version, network, controlPlanes, at("cluster-a"), workers, at("cluster-b"), pool)
}

// kubeconfig writes what Terraform hands out into a file.
func (w *workspace) kubeconfig() string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), w.in.cli, "output", "-raw", "kubeconfig")
	cmd.Dir, cmd.Env = w.dir, w.environment()
	raw, err := cmd.Output()
	if err != nil {
		w.t.Fatal(fmt.Errorf("read the kubeconfig: %w", err))
	}
	file := filepath.Join(w.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// api is client-go with the kubeconfig that Terraform hands out, through the proxy
// into the guest network.
func (d *datacenter) api(w *workspace) kubernetes.Interface { return d.clientWithin(w, 10*time.Second) }

// clientWithin is the same with a time for each request, and with the protocols above TLS that
// are offered; none: what client-go offers.
func (d *datacenter) clientWithin(w *workspace, timeout time.Duration, protocols ...string) kubernetes.Interface {
	d.t.Helper()
	config, err := clientcmd.LoadFromFile(w.kubeconfig())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, cluster := range config.Clusters {
		cluster.ProxyURL = d.ProxyURL()
	}
	rest, err := clientcmd.NewDefaultClientConfig(*config, nil).ClientConfig()
	if err != nil {
		d.t.Fatal(err)
	}
	rest.Timeout = timeout
	rest.TLSClientConfig.NextProtos = protocols
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		d.t.Fatal(err)
	}
	return client
}

// kubectl runs the kubectl of the cluster's version.
func (d *datacenter) kubectl(w *workspace, version string, args ...string) string {
	d.t.Helper()
	binaries, err := registry.DefaultBinaries()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.CommandContext(d.t.Context(), filepath.Join(binaries, "kubectl-v"+version),
		append([]string{"--kubeconfig", w.kubeconfig()}, args...)...)
	cmd.Env = append(w.environment(), "HTTPS_PROXY="+d.ProxyURL())
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Errorf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// eventually waits until look finds nothing wrong.
func (d *datacenter) eventually(what string, look func(context.Context) error) time.Duration {
	d.t.Helper()
	started := time.Now()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	for {
		err := look(ctx)
		if err == nil {
			return time.Since(started)
		}
		select {
		case <-ctx.Done():
			d.t.Fatalf("%s: %v", what, err)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// nodesReady expects so many nodes, all Ready.
func (d *datacenter) nodesReady(w *workspace, want int) []corev1.Node {
	d.t.Helper()
	api := d.api(w)
	var nodes []corev1.Node
	d.eventually("the nodes", func(ctx context.Context) error {
		list, err := api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		nodes = list.Items
		for _, node := range nodes {
			if !isReady(&node) {
				return fmt.Errorf("%s is not Ready", node.Name)
			}
		}
		if len(nodes) != want {
			return fmt.Errorf("%d nodes and not %d", len(nodes), want)
		}
		return nil
	})
	return nodes
}

func isReady(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// inside runs a command in a machine.
func (d *datacenter) inside(name string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	out, err := d.Machines().Run(ctx, name, command...)
	return string(out), err
}

// etcdctl asks the etcd of a control-plane node, in its container.
func (d *datacenter) etcdctl(node, arguments string) (string, error) {
	return d.inside(node, "sh", "-c", `exec crictl exec "$(crictl ps -q --name '^etcd$')" etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt`+
		` --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key `+arguments)
}

// members are the names of etcd's members. One that has not joined has none.
func (d *datacenter) members(node string) []string {
	d.t.Helper()
	out, err := d.etcdctl(node, "member list")
	if err != nil {
		d.t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(out) {
		if fields := strings.Split(line, ", "); len(fields) > 2 {
			names = append(names, fields[2])
		}
	}
	return names
}

// consoles shows what the machines printed, when a test has failed.
func (d *datacenter) consoles() {
	d.t.Cleanup(func() {
		if !d.t.Failed() {
			return
		}
		for _, g := range d.Guests() {
			d.t.Logf("console of %s (%s):\n%s", g.Name, g.Phase, g.Log)
		}
	})
}

// nothingRuns destroys and expects that nothing is left, of the machines neither.
func (d *datacenter) nothingRuns(w *workspace) {
	d.t.Helper()
	d.nothingLeft(w)
	if left := d.Machines().Remains(); len(left) > 0 {
		d.t.Errorf("left of the machines: %q", left)
	}
}

// allJoined expects that every guest has joined.
func (d *datacenter) allJoined() {
	d.t.Helper()
	for _, g := range d.Guests() {
		if g.Phase != guest.PhaseJoined {
			d.t.Errorf("guest %s is %s: %s", g.Name, g.Phase, g.Error)
		}
	}
}
