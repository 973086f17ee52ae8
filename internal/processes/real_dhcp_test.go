//go:build real

package processes_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// leased is a cluster of real nodes that take leases, with what is said of its load balancer.
func (d *datacenter) leased(version string, controlPlanes, workers int, balancer string) string {
	d.t.Helper()
	hcl := d.real(version, controlPlanes, workers, "")
	for from, to := range map[string]string{
		"ip_pool_id      = gantry_ip_pool.nodes.id": "",
		`ip_allocation = "static"`:                  `ip_allocation = "dhcp"`,
		"  control_plane = {":                       balancer + "\n  control_plane = {",
	} {
		if !strings.Contains(hcl, from) {
			d.t.Fatalf("%q is not in the configuration", from)
		}
		hcl = strings.ReplaceAll(hcl, from, to)
	}
	return hcl
}

// TestRealDHCP builds a cluster whose nodes have leases of a real server behind a real
// HAProxy, which is in front of one control-plane node, and then of three. Under load its
// backends come, one dies, and all machines lose their power at once.
func TestRealDHCP(t *testing.T) {
	const version = "1.37.2"
	d := newRealDatacenter(t, realOptions(t))
	w := newWorkspace(t, d.leased(version, 1, 1, ""))
	w.patience = patience
	w.must(apply...)
	d.nodesReady(w, 2)
	w.nothingToDo()
	endpoint := d.vip(w) // which is the load balancer's lease
	if holder, err := d.holder(endpoint); err != nil || holder != "prod-lb" {
		t.Errorf("the endpoint %s is at %q (%v)", endpoint, holder, err)
	}
	d.balances(w, "prod-cp-1")
	d.configurationIsAccepted()

	lost := d.asking(w)
	w.configure(d.leased(version, 3, 1, ""))
	w.must(apply...)
	if failed := lost(); failed > 0 {
		t.Errorf("%d requests failed while the control plane grew", failed)
	}
	d.nodesReady(w, 4)
	d.balances(w, "prod-cp-1", "prod-cp-2", "prod-cp-3")
	w.nothingToDo()
	d.podsTalk(w)

	before, boots := d.uid(w), d.boots(w)
	if err := d.PowerOffVM("prod-cp-1"); err != nil {
		t.Fatal(err)
	}
	took := d.eventually("the API without one of its backends", d.answers(w))
	t.Logf("the API was back after %s", took.Round(100*time.Millisecond))
	d.powerOn(w, boots, "prod-cp-1")
	d.nodesReady(w, 4)

	all := []string{"prod-lb", "prod-cp-1", "prod-cp-2", "prod-cp-3", "prod-general-1"}
	for _, name := range all {
		if err := d.PowerOffVM(name); err != nil {
			t.Fatal(err)
		}
	}
	since := time.Now().Truncate(time.Second) // as the API tells times
	for _, name := range all {
		if err := d.PowerOnVM(name); err != nil {
			t.Fatal(err)
		}
	}
	took = d.eventually("the API after a reset of all", d.answers(w))
	t.Logf("the API was back after %s", took.Round(100*time.Millisecond))
	d.nodesReady(w, 4)
	if after := d.uid(w); after != before {
		t.Errorf("another cluster answers: %s and not %s", after, before)
	}
	members := []string{"prod-cp-1", "prod-cp-2", "prod-cp-3"}
	d.eventually("the static pods of the control plane", func(ctx context.Context) error { return d.startedSince(ctx, w, since, members) })
	d.balances(w, members...)
	w.nothingToDo()
	d.nothingRuns(w)
}

// TestRealDHCPHostName has the endpoint carry a name that the load balancer gets from its
// server of DHCP.
func TestRealDHCPHostName(t *testing.T) {
	const version, name = "1.37.2", "api." + wire.Domain
	d := newRealDatacenter(t, realOptions(t))
	w := newWorkspace(t, d.leased(version, 1, 1, fmt.Sprintf("  load_balancer = { host_name = %q }", name)))
	w.patience = patience
	w.must(apply...)
	d.nodesReady(w, 2)
	var got struct{ Endpoint string }
	w.outputs(&got)
	if got.Endpoint != name+":6443" {
		t.Errorf("the endpoint is %s", got.Endpoint)
	}
	out, err := d.inside("prod-general-1", "cat", "/etc/kubernetes/kubelet.conf")
	if err != nil || !strings.Contains(out, "server: https://"+name+":6443") {
		t.Errorf("kubelet reaches the API by (%v)\n%s", err, out)
	}
	w.nothingToDo()
	d.nothingRuns(w)
}

// answers asks the API once.
func (d *datacenter) answers(w *workspace) func(context.Context) error {
	api := d.api(w)
	return func(ctx context.Context) error {
		_, err := api.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		return err
	}
}

// asking asks the API without pause, each time by a new connection, until the function that it
// returns is called, which says how many requests failed.
func (d *datacenter) asking(w *workspace) (stop func() int) {
	answers := d.answers(w)
	ctx, cancel := context.WithCancel(d.t.Context())
	failed := make(chan int, 1)
	go func() {
		count := 0
		for ctx.Err() == nil {
			if err := answers(context.WithoutCancel(ctx)); err != nil {
				d.t.Logf("a request failed: %v", err)
				count++
			}
		}
		failed <- count
	}()
	return func() int {
		cancel()
		return <-failed
	}
}

// balances expects that HAProxy runs by the addresses of nodes, and finds all of them ready.
func (d *datacenter) balances(w *workspace, nodes ...string) {
	d.t.Helper()
	var addresses []netip.Addr
	for _, node := range d.nodesReady(w, len(d.Guests())-1) {
		for _, address := range node.Status.Addresses {
			if slices.Contains(nodes, node.Name) && address.Type == "InternalIP" {
				addresses = append(addresses, netip.MustParseAddr(address.Address))
			}
		}
	}
	list, err := bootstrap.Backends(addresses)
	if err != nil || len(addresses) != len(nodes) {
		d.t.Fatalf("the nodes %q have the addresses %v (%v)", nodes, addresses, err)
	}
	d.eventually("HAProxy with the backends "+list, func(context.Context) error {
		out, err := d.inside("prod-lb", "busybox", "wget", "-qO-", "http://127.0.0.1:8404/backends")
		if err == nil && out != list {
			err = fmt.Errorf("it runs by %q", out)
		}
		return err
	})
	d.eventually("backends that are ready", func(context.Context) error {
		out, err := d.inside("prod-lb", "busybox", "wget", "-qO-", "http://127.0.0.1:8404/stats;csv")
		if err != nil {
			return err
		}
		for _, address := range addresses {
			if !strings.Contains(out, "api-servers,"+address.String()+",") {
				return fmt.Errorf("%s is not among its servers", address)
			}
		}
		if up := strings.Count(out, ",UP,"); up < len(addresses) {
			return errors.New(out)
		}
		return nil
	})
	for _, g := range d.Guests() {
		if g.Name == "prod-lb" && g.Phase != guest.PhaseServing {
			d.t.Errorf("the load balancer is %s: %s", g.Phase, g.Error)
		}
	}
}

// configurationIsAccepted has the HAProxy in its container check what the script has rendered.
func (d *datacenter) configurationIsAccepted() {
	d.t.Helper()
	out, err := d.inside("prod-lb", "sh", "-c",
		`exec crictl exec --sync "$(crictl ps -q --name '^haproxy$')" haproxy -c -f /usr/local/etc/haproxy/haproxy.cfg`)
	if err != nil {
		d.t.Errorf("%v\n%s", err, out)
	}
}
