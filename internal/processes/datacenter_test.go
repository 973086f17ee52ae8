package processes_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// lockLife is longer than a lock lives without a heartbeat.
const lockLife = 2 * time.Minute

// datacenter is a simulated datacenter of one test, in the test's own process.
type datacenter struct {
	*acctest.Environment
	t *testing.T
}

// newDatacenter starts a datacenter in which things take long enough to happen
// in between.
func newDatacenter(t *testing.T) *datacenter {
	t.Helper()
	return &datacenter{t: t, Environment: acctest.New(t, simulator.Options{
		TaskDuration: 150 * time.Millisecond, BootDelay: 500 * time.Millisecond,
	})}
}

// shared is an IP pool and a cloud account.
func (d *datacenter) shared() string {
	return d.Provider() + `
resource "gantry_ip_pool" "nodes" {
  name            = "nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.50" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.1"]
}
` + d.account()
}

// account is the cloud account.
func (d *datacenter) account() string {
	return fmt.Sprintf(`
resource "gantry_cloud_account" "team" {
  name           = "team"
  vcenter_server = %q
  username       = %q
  password       = %q
  ca_certificate = %q
}
`, d.Server(), d.Username(), d.Password(), d.CACertificate())
}

// cluster is a cluster prod with one control-plane node. pool and account are
// expressions for the IP pool's id and the cloud account.
func (d *datacenter) cluster(workers int, pool, account string) string {
	placement := fmt.Sprintf(`{
    compute_cluster = "cluster-a"
    datastore       = "shared-1"
    network         = "dvpg-nodes"
    resource_pool   = "gantry"
    ip_pool_id      = %s
  }`, pool)
	return fmt.Sprintf(`
resource "gantry_vmware_cluster" "prod" {
  name          = "prod"
  cloud_account = %s
  profile       = { kubernetes_version = "1.37.2", image = { template = "gantry-node-1.37.2" } }
  datacenter    = "dc-1"
  folder        = "k8s/prod"
  network       = { ip_allocation = "static" }
  control_plane = { node_count = 1, cpu = 2, memory_gb = 4, placements = [%s] }
  worker_pools = {
    general = { node_count = %d, cpu = 2, memory_gb = 4, placements = [%s] }
  }
}

output "result" {
  value = {
    state    = gantry_vmware_cluster.prod.state
    endpoint = gantry_vmware_cluster.prod.control_plane_endpoint
    nodes    = { for name, node in gantry_vmware_cluster.prod.nodes : name => node.address }
  }
}
`, account, placement, workers, placement)
}

// whole is a configuration with all of it.
func (d *datacenter) whole(workers int) string {
	return d.shared() + d.cluster(workers, "gantry_ip_pool.nodes.id", "gantry_cloud_account.team")
}

// cloned reports whether n clones have been asked for.
func (d *datacenter) cloned(n int) func() bool {
	return func() bool { return d.Calls().SOAP["CloneVM_Task"] >= n }
}

// guestIn reports whether a guest whose name has a prefix is in a phase.
func (d *datacenter) guestIn(phase guest.Phase, prefix string) func() bool {
	return func() bool {
		return slices.ContainsFunc(d.Guests(), func(g simulator.Guest) bool { return strings.HasPrefix(g.Name, prefix) && g.Phase == phase })
	}
}

// healthy expects the cluster with so many workers, and nothing beside it: every
// VM is a node of the state, every address belongs to one of them.
func (d *datacenter) healthy(w *workspace, workers int) {
	d.t.Helper()
	var got struct {
		State, Endpoint string
		Nodes           map[string]string
	}
	w.outputs(&got)
	if got.State != "Running" || len(got.Nodes) != workers+1 {
		d.t.Errorf("the cluster is %q with the nodes %v", got.State, got.Nodes)
	}
	left := d.Leftovers()
	var vms, addresses []string
	for _, vm := range left.VMs {
		vms = append(vms, path.Base(vm))
	}
	if nodes := slices.Sorted(maps.Keys(got.Nodes)); !slices.Equal(slices.Sorted(slices.Values(vms)), nodes) {
		d.t.Errorf("there are the VMs %v for the nodes %v", vms, nodes)
	}
	for _, tag := range left.Tags {
		// Addresses that were released rest for a while.
		if _, addr, ok := strings.Cut(tag, "/10."); ok && !strings.HasSuffix(addr, "!cooldown") {
			addresses = append(addresses, "10."+addr)
		}
	}
	held := append(slices.Collect(maps.Values(got.Nodes)), strings.TrimSuffix(got.Endpoint, ":6443"))
	for _, addr := range held {
		if !slices.Contains(addresses, addr) {
			d.t.Errorf("%s is in use and not claimed: %v", addr, addresses)
		}
	}
	slices.Sort(held)
	if len(slices.Compact(held)) != workers+2 {
		d.t.Errorf("an address is in use twice: %v, %s", got.Nodes, got.Endpoint)
	}
	if len(addresses) != workers+3 { // the VIP and the extra, too
		d.t.Errorf("%d addresses are claimed for %d nodes: %v", len(addresses), workers+1, addresses)
	}
	for _, g := range d.Guests() {
		if g.Phase != guest.PhaseJoined {
			d.t.Errorf("guest %s is %s: %s", g.Name, g.Phase, g.Error)
		}
	}
}

// loggedOut expects that the runs so far have ended all their sessions.
func (d *datacenter) loggedOut(after string) {
	d.t.Helper()
	if s := d.Sessions(); s.SOAP+s.REST != 0 {
		d.t.Errorf("after %s %d SOAP and %d REST sessions are open", after, s.SOAP, s.REST)
	}
}

// nothingLeft destroys and expects that nothing is left.
func (d *datacenter) nothingLeft(w *workspace) {
	d.t.Helper()
	w.must(destroy...)
	left := d.Leftovers()
	if len(left.VMs)+len(left.Folders)+len(left.Rules) > 0 || !slices.Equal(left.Tags, []string{"!gantry"}) {
		d.t.Errorf("left behind: %+v", left)
	}
}
