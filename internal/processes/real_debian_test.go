//go:build real

package processes_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestRealDebian builds a cluster on whole Debian systems, whose own systemd is the
// first process and whose own networkd has the addresses. The worker loses its power
// in the middle of its join, a rogue router advertises itself, and then all machines
// lose their power at once.
func TestRealDebian(t *testing.T) {
	const version, system = "1.37.2", "debian"
	options := realOptions(t)
	options.Systems = map[string]string{system: builtDebian(t)}
	d := newRealDatacenter(t, options, simulator.Template{Name: system, KubernetesVersion: version, System: system, Snapshot: true})
	w := newWorkspace(t, strings.ReplaceAll(d.real(version, 1, 1, ""), "gantry-node-"+version, system))
	w.patience = patience
	d.journals()

	nodes := []string{"prod-cp-1", "prod-general-1"}
	run := w.start(apply...)
	run.until("the worker begins to join", d.guestIn(guest.PhaseKubeadm, "prod-general-1"))
	d.inJoin("prod-general-1")
	started := time.Now()
	d.reset("prod-general-1")
	if code := run.end(); code != 0 {
		t.Fatalf("%s: exit code %d\n%s", run, code, &run.out)
	}
	t.Logf("the apply ended %s after the worker's power was back", time.Since(started).Round(100*time.Millisecond))
	d.healthy(w, 1)
	d.nodesReady(w, 2)
	w.nothingToDo()
	d.runsWell(nodes)
	d.ownAddresses(w)

	d.ignoreAdvertisements(nodes)

	d.powerCycle(w, nodes...)
	d.runsWell(nodes)
	d.ownAddresses(w)
	d.hardened(w, "prod-cp-1", true)
	d.hardened(w, "prod-general-1", false)
	w.nothingToDo()
	d.nothingRuns(w)
}

// builtDebian is the root directory of a Debian system, made if there is none.
func builtDebian(t *testing.T) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "../tools/build-debian", cmp.Or(os.Getenv("DEBIAN"), "bookworm"))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	started := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	t.Logf("the system is there after %s", time.Since(started).Round(100*time.Millisecond))
	return strings.TrimSpace(stdout.String())
}

// inJoin waits until kubelet is to get its identity, in the middle of a join.
func (d *datacenter) inJoin(node string) {
	d.t.Helper()
	d.eventually("the join of "+node, func(context.Context) error {
		out, err := d.inside(node, "sh", "-c", "ls /etc/gantry/bootstrapped /etc/kubernetes/*.conf 2>/dev/null")
		if strings.Contains(out, "bootstrapped") {
			d.t.Fatalf("%s has joined before anyone saw it join", node)
		}
		if !strings.Contains(out, "kubelet.conf") {
			return errors.Join(fmt.Errorf("there is %q", out), err)
		}
		return nil
	})
}

// reset takes a machine's power and gives it back at once.
func (d *datacenter) reset(name string) {
	d.t.Helper()
	for _, do := range []func(string) error{d.PowerOffVM, d.PowerOnVM} {
		if err := do(name); err != nil {
			d.t.Fatal(err)
		}
	}
}

// runsWell expects the system's own services, nothing that has failed and no secret.
func (d *datacenter) runsWell(nodes []string) {
	d.t.Helper()
	for _, node := range nodes {
		for command, want := range map[string]string{
			"cat /proc/1/comm": "systemd",
			"systemctl is-active systemd-networkd systemd-resolved containerd kubelet | uniq": "active",
			"systemctl list-units --failed --plain --no-legend":                               "",
			// cloud-init keeps nothing of what the node was made with.
			"grep -rlsE 'PRIVATE KEY|/etc/gantry/kubeadm.yaml' /var/lib/cloud /run/cloud-init": "",
		} {
			if out, _ := d.inside(node, "sh", "-c", command); strings.TrimSpace(out) != want {
				d.t.Errorf("%s on %s: %q and not %q", command, node, out, want)
			}
		}
	}
}

// ownAddresses expects that each machine's card has the address that is its node's claim,
// and no other but the VIP.
func (d *datacenter) ownAddresses(w *workspace) {
	d.t.Helper()
	var got struct{ Nodes map[string]string }
	w.outputs(&got)
	vip := d.vip(w).String()
	for name, address := range got.Nodes {
		out, err := d.inside(name, "sh", "-c",
			"ip -o address show scope global dev $(ip route show default | awk '{ print $5 }') | awk '{ sub(\"/.*\", \"\", $4); print $4 }'")
		held := slices.DeleteFunc(strings.Fields(out), func(held string) bool { return held == vip })
		if err != nil || !slices.Equal(held, []string{address}) {
			d.t.Errorf("%s has the addresses %q, and its node's is %s (%v)", name, held, address, err)
		}
	}
}

// ignoreAdvertisements expects that a rogue router changes nothing on machines whose
// addresses are claimed.
func (d *datacenter) ignoreAdvertisements(nodes []string) {
	d.t.Helper()
	const count = "awk '$1 == \"Icmp6InRouterAdvertisements\" { print $2 }' /proc/net/snmp6"
	prefix := netip.MustParsePrefix("2001:db8:bad::/64")
	received := map[string]string{}
	for _, node := range nodes {
		received[node], _ = d.inside(node, "sh", "-c", count)
	}
	// When the second has arrived, the first has been dealt with.
	for range 2 {
		if err := d.Machines().Advertise("dvpg-nodes", prefix, netip.MustParseAddr("2001:db8:bad::53")); err != nil {
			d.t.Fatal(err)
		}
		for _, node := range nodes {
			d.eventually("the advertisement on "+node, func(context.Context) error {
				now, err := d.inside(node, "sh", "-c", count)
				if now == received[node] {
					err = errors.Join(err, errors.New("it has not arrived"))
				}
				received[node] = now
				return err
			})
		}
	}
	for _, node := range nodes {
		out, err := d.inside(node, "sh", "-c", "ip -6 address; ip -6 route; resolvectl dns")
		if err != nil {
			d.t.Error(err)
		}
		for line := range strings.Lines(out) {
			if strings.Contains(line, "2001:db8:bad:") || strings.Contains(line, "proto ra") {
				d.t.Errorf("%s took a router's offer: %s", node, line)
			}
		}
	}
}

// journals shows the ends of the machines' journals, when a test has failed.
func (d *datacenter) journals() {
	d.t.Cleanup(func() {
		if !d.t.Failed() {
			return
		}
		names := []string{}
		for _, g := range d.Guests() {
			names = append(names, g.Name)
		}
		slices.Sort(names)
		for _, name := range names {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(d.t.Context()), time.Minute)
			out, err := d.Machines().Run(ctx, name, "sh", "-c",
				"systemctl --no-pager --failed; ip address; journalctl --boot --no-pager --lines 300")
			cancel()
			d.t.Logf("journal of %s (%v):\n%s", name, err, out)
		}
	})
}
