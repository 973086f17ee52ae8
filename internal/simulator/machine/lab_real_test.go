//go:build linux && real

package machine_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// lab is a World with what its machines report.
type lab struct {
	*machine.World
	t *testing.T

	mu        sync.Mutex
	guestinfo map[string]map[string]string // by VM
	reports   []string
	addresses map[string][]netip.Addr
	hostnames map[string]string
}

// guestBinary is the first process of the machines here.
var guestBinary string

// TestMain builds it. A second process of the tests is told where it is.
func TestMain(m *testing.M) {
	if guestBinary = os.Getenv(guestVariable); guestBinary != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "guest-of-tests-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	guestBinary = filepath.Join(dir, "guest")
	cmd := exec.Command("go", "build", "-o", guestBinary, "./testdata/guest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stdout = os.Stderr
	cmd.Stderr = os.Stderr
	status := 1
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the guest of tests:", err)
	} else {
		status = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// What a second process of the tests is told.
const (
	guestVariable = "GANTRY_TEST_FIRST_PROCESS"
	homeVariable  = "GANTRY_TEST_HOME"
)

func options(t *testing.T) machine.Options {
	t.Helper()
	home := os.Getenv(homeVariable)
	if home == "" {
		home = t.TempDir()
	}
	return machine.Options{Home: home, Guest: guestBinary}
}

func newLab(t *testing.T, options machine.Options) *lab {
	t.Helper()
	world, err := machine.NewWorld(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	return &lab{
		World: world, t: t, guestinfo: map[string]map[string]string{},
		addresses: map[string][]netip.Addr{}, hostnames: map[string]string{},
	}
}

// vm returns a VM on network "nodes" with an address and a script to run.
func (l *lab) vm(name, address, script string) guest.VM {
	return guest.VM{
		ID:                "vm-" + name,
		Name:              name,
		UUID:              name,
		MAC:               mac(address),
		Network:           "nodes",
		KubernetesVersion: "1.37.2",
		GuestInfo: map[string]string{
			"guestinfo.metadata": `{"instance-id": "` + name + `", "local-hostname": "` + name + `",
				"wait-on-network": {"ipv4": true}, "network": {"version": 2, "ethernets": {"nic0": {
				"match": {"macaddress": "` + mac(address) + `"}, "set-name": "eth0", "accept-ra": false,
				"addresses": ["` + address + `/24"], "routes": [{"to": "default", "via": "10.20.0.1"}]}}}}`,
			"guestinfo.test.script": "set -e; ip link set lo up; ip address add " + address + "/24 dev eth0; " +
				"ip link set eth0 up; ip route add default via 10.20.0.1\n" + script,
		},
		Report: func(changes map[string]string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.guestinfo[name] == nil {
				l.guestinfo[name] = map[string]string{}
			}
			for key, value := range changes {
				l.guestinfo[name][key] = value
				l.reports = append(l.reports, name+" "+strings.TrimPrefix(key, "guestinfo.")+"="+value)
			}
		},
		SetNetwork: func(ips []netip.Addr, hostname string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.addresses[name], l.hostnames[name] = ips, hostname
		},
	}
}

// mac is the address of the card of the machine with an IP address.
func mac(address string) string {
	b := netip.MustParseAddr(address).As4()
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", b[1]&0x3f, b[2], b[3])
}

func (l *lab) state(name string) guest.State {
	for _, state := range l.Guests() {
		if state.Name == name {
			return state
		}
	}
	return guest.State{}
}

func (l *lab) reported(name, key string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.guestinfo[name]["guestinfo."+key]
}

// eventually waits for a condition, and shows all consoles if it does not come.
func (l *lab) eventually(what string, holds func() bool) {
	l.t.Helper()
	l.within(20*time.Second, what, holds)
}

func (l *lab) within(patience time.Duration, what string, holds func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			for _, state := range l.Guests() {
				l.t.Logf("%s: %s %q\n%s", state.Name, state.Phase, state.Error, state.Log)
			}
			l.t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (l *lab) awaitPhase(name string, phase guest.Phase) {
	l.t.Helper()
	l.eventually(name+" "+string(phase), func() bool { return l.state(name).Phase == phase })
}

func (l *lab) run(name string, command ...string) string {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 20*time.Second)
	defer cancel()
	output, err := l.Run(ctx, name, command...)
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

const joined = "\n/g set gantry.phase joined\n"

// onHost reports whether a file of the host exists.
func onHost(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func timeout(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// heldBy names the machines that have an address.
func (l *lab) heldBy(address string) string {
	return strings.Join(l.Holders(netip.MustParseAddr(address)), ", ")
}
