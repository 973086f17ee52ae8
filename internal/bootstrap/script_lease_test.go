package bootstrap_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// leases has the machine's card get an address, as ip shows it.
func (m *machine) leases(address string) {
	m.t.Helper()
	m.play("ip", `[[ "$*" != *"address show"* ]] || cat "$root/leases"`)
	line := "2: eth0    inet " + address + " brd 10.10.191.255 scope global dynamic eth0\\       valid_lft 80000sec preferred_lft 80000sec\n"
	m.write("/leases", "2: eth0    inet 10.10.129.200/32 scope global eth0\\       valid_lft forever preferred_lft forever\n"+line)
}

// reports are the guestinfo values that the machine has set beside phase and log.
func (m *machine) reports() []string { return lines(m.read("/reports")) }

func (m *machine) wantReports(want ...string) {
	m.t.Helper()
	if got := m.reports(); !slices.Equal(got, want) {
		m.t.Errorf("reports %q, want %q; log:\n%s", got, want, m.log())
	}
}

func TestScriptFillsTheLeaseIn(t *testing.T) {
	t.Parallel()
	m := newMachine(t, restoring(t, behindProxy(t, leased(newNode(t, bootstrap.FirstControlPlane)))))
	m.write("/etc/gantry/restore/restore.sh", "check_restore() { :; }\nrestore() { :; }\n") // others test it
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
init) cp "$root/etc/gantry/kubeadm.yaml" "$root/given.yaml" ;;
esac`)
	m.play("sync", `cp "$root/etc/gantry/restore/peer-url" "$root/peer-url" 2>/dev/null`)
	m.leases("10.10.183.77/18")
	if status := m.bootstrap("init"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantPhases("booting", "kubeadm", "joined")
	m.wantReports("address 10.10.183.77")
	peer := m.read("/peer-url")
	document := m.read("/given.yaml")
	for text, times := range map[string]int{"advertiseAddress: 10.10.183.77\n": 1, "value: 10.10.183.77\n": 1, "__GANTRY": 0} {
		if strings.Count(document, text) != times {
			t.Errorf("%q is not %d times in what kubeadm was given:\n%s", text, times, document)
		}
	}
	if peer != "https://10.10.183.77:2380\n" {
		t.Errorf("etcd is restored for %q", peer)
	}
	if proxy := m.read("/etc/gantry/proxy.env"); !strings.Contains(proxy, ",10.10.128.0/18,") || strings.Contains(proxy, "__GANTRY") {
		t.Errorf("proxy:\n%s", proxy)
	}
	if m.exists("/etc/kubernetes/manifests/kube-vip.yaml") {
		t.Error("kube-vip runs behind a load balancer")
	}
}

// The networks of leases of any length.
func TestScriptKnowsTheNetworkOfALease(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"10.10.183.77/18": "10.10.128.0/18", "192.168.1.200/24": "192.168.1.0/24", "172.31.255.254/12": "172.16.0.0/12",
		"10.0.0.5/32": "10.0.0.5/32", "203.0.113.129/25": "203.0.113.128/25", "10.1.2.3/8": "10.0.0.0/8",
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, behindProxy(t, leased(newNode(t, bootstrap.Worker))))
			m.leases(address)
			m.joins()
			if proxy := m.read("/etc/gantry/proxy.env"); !strings.Contains(proxy, ","+want+",") {
				t.Errorf("%s is not in\n%s", want, proxy)
			}
		})
	}
}

func TestScriptWaitsForALease(t *testing.T) {
	t.Parallel()
	m := newMachine(t, leased(newNode(t, bootstrap.Worker)))
	// The twentieth look finds one.
	m.play("ip", `[[ "$*" == *"address show"* ]] || return 0
echo x >>"$root/looks"
(($(wc -l <"$root/looks") < 20)) || echo '2: eth0    inet 10.10.183.77/18 scope global dynamic eth0'`)
	m.joins()
	m.wantPhases("booting", "booting", "booting", "kubeadm", "joined")
	m.wantReports("address 10.10.183.77")
	if !strings.Contains(m.log(), "waiting for a lease on eth0") {
		t.Errorf("the log does not say what it waits for:\n%s", m.log())
	}
}

// A node that has joined and boots with another lease says so, and that it has the first
// again.
func TestScriptReportsAChangedLease(t *testing.T) {
	t.Parallel()
	m := newMachine(t, leased(newNode(t, bootstrap.ControlPlane)))
	m.leases("10.10.183.77/18")
	m.joins()
	m.write("/reports", "")
	m.joins()
	m.wantReports("address 10.10.183.77")
	m.leases("10.10.183.99/18")
	m.write("/reports", "")
	m.joins()
	m.wantReports("address 10.10.183.77", "lease 10.10.183.99")
	m.leases("10.10.183.77/18")
	m.write("/reports", "")
	m.joins()
	m.wantReports("address 10.10.183.77", "lease 10.10.183.77")
	m.wantKubeadm("join")
}

// The timer reports a change that comes while the node runs, again at each look: a report may
// be lost.
func TestScriptWatchesTheLease(t *testing.T) {
	t.Parallel()
	m := newMachine(t, leased(newNode(t, bootstrap.Worker)))
	watch := func() {
		t.Helper()
		if status := m.script("lease"); status != 0 {
			t.Fatalf("status %d; log:\n%s", status, m.log())
		}
	}
	m.leases("10.10.183.77/18")
	watch() // before the bootstrap there is nothing to compare with
	m.wantReports()
	m.joins()
	m.write("/reports", "")
	watch()
	m.wantReports()
	m.leases("10.10.183.99/18")
	watch()
	m.wantReports("address 10.10.183.77", "lease 10.10.183.99")
	watch()
	m.wantReports("address 10.10.183.77", "lease 10.10.183.99", "address 10.10.183.77", "lease 10.10.183.99")
	m.write("/reports", "")
	m.play("ip", "") // between two leases there is none
	watch()
	m.wantReports("address 10.10.183.77", "lease 10.10.183.99")
	m.wantPhases("booting", "kubeadm", "joined")
}

// What a control plane is told has its first lease in it.
func TestScriptStopsAControlPlaneWhoseLeaseChangedOverItsJoin(t *testing.T) {
	t.Parallel()
	for _, role := range []bootstrap.Role{bootstrap.ControlPlane, bootstrap.Worker} {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, leased(newNode(t, role)))
			m.leases("10.10.183.77/18")
			m.killedAt("join")
			m.bootstrap("join")
			m.leases("10.10.183.99/18")
			status := m.bootstrap("join")
			if role == bootstrap.Worker {
				if status != 0 || !m.exists("/etc/gantry/bootstrapped") {
					t.Errorf("a worker did not join; log:\n%s", m.log())
				}
				return
			}
			if phases := m.phases(); status == 0 || phases[len(phases)-1] != "failed" || !strings.Contains(m.read("tail"), "has to be replaced") {
				t.Errorf("phases %v, log:\n%s", phases, m.read("tail"))
			}
			m.wantKubeadm("join")
		})
	}
}

// Where the power goes while the first lease is written, and the next one is another, the
// documents have the lease that is reported.
func TestScriptFillsInWhatItKeeps(t *testing.T) {
	t.Parallel()
	m := newMachine(t, leased(newNode(t, bootstrap.ControlPlane)))
	m.leases("10.10.183.77/18")
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
join) cp "$root/etc/gantry/kubeadm.yaml" "$root/given.yaml" ;;
esac`)
	m.play("sync", `[[ -e $root/killed ]] || { touch "$root/killed"; kill -9 "$PPID"; }`)
	m.bootstrap("join")
	m.leases("10.10.183.99/18")
	m.write("/reports", "")
	m.joins()
	m.wantReports("address 10.10.183.99")
	if given := m.read("/given.yaml"); !strings.Contains(given, "10.10.183.99") || strings.Contains(given, "10.10.183.77") {
		t.Errorf("kubeadm was given:\n%s", given)
	}
}

// Without kube-vip's manifest a control plane is no worker: a join that the loss of power
// interrupted is done again.
func TestScriptResumesAControlPlaneBehindALoadBalancer(t *testing.T) {
	t.Parallel()
	m := newMachine(t, leased(newNode(t, bootstrap.ControlPlane)))
	m.leases("10.10.183.77/18")
	m.killedAt("join")
	m.bootstrap("join")
	m.joins()
	m.wantKubeadm("join", "reset", "join")
	if m.exists("/etc/kubernetes/manifests/kube-vip.yaml") {
		t.Error("there is a manifest of kube-vip")
	}
}

// Of networkd the renderer of cloud-init has asked before the drop-in was there.
func TestScriptHasNetworkdAskByTheMACAddress(t *testing.T) {
	t.Parallel()
	for name, unit := range map[string]string{"networkd": "/etc/systemd/network/10-cloud-init-eth0.network", "others": "/etc/other"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, leased(newNode(t, bootstrap.Worker)))
			m.write(unit, "[Match]\nName=eth0\n")
			m.write("/run/systemd/netif/leases/2", "ADDRESS=10.10.183.70\nCLIENTID=ff00112233\n")
			m.leases("10.10.183.70/18")
			m.play("networkctl", `[[ $1 != reconfigure ]] || {
	sed -i 's/183.70/183.77/' "$root/leases"
	printf 'ADDRESS=10.10.183.77\nCLIENTID=010050560ab70b\n' >"$root/run/systemd/netif/leases/2"
}`)
			m.joins()
			want := []string{"address 10.10.183.77"}
			if name == "others" {
				want = []string{"address 10.10.183.70"}
			}
			m.wantReports(want...)
			// At a later boot it has the drop-in from the start.
			m.write("/calls", "")
			m.joins()
			if slices.Contains(m.calls("networkctl"), "reconfigure eth0") {
				t.Error("the card is configured again at every boot")
			}
		})
	}
}

func TestScriptGivesTheMachineAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	const image = "0123456789abcdef0123456789abcdef\n"
	for name, test := range map[string]struct {
		content string
		age     time.Duration
		want    string
	}{
		"left in the image": {image, 48 * time.Hour, "1b4e28ba2fa15b5c883f0016d3cca427\n"},
		"made at boot":      {image, 0, image},
		"empty":             {"", 48 * time.Hour, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, leased(newNode(t, bootstrap.Worker)))
			m.leases("10.10.183.77/18")
			m.write("/etc/machine-id", test.content)
			now := time.Now()
			if err := os.Chtimes(filepath.Join(m.root, "etc/machine-id"), now, now.Add(-test.age)); err != nil {
				t.Fatal(err)
			}
			m.write("/stat", fmt.Sprintf("cpu 1\nbtime %d\n", now.Add(-10*time.Minute).Unix()))
			m.joins()
			if got := m.read("/etc/machine-id"); got != test.want {
				t.Errorf("the id is %q, want %q", got, test.want)
			}
		})
	}
}
