//go:build linux && real

package guestos_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// cluster is one of real Kubernetes whose nodes are machines of a World.
type cluster struct {
	*machine.World
	t           *testing.T
	version     string
	system      string       // of the machines; empty for the host's distribution
	segment     netip.Prefix // of their network, where they take leases
	authorities *pki.Authorities
	begin       time.Time

	mu        sync.Mutex
	guestinfo map[string]map[string]string // by VM
	hostnames map[string]string
	addresses map[string][]netip.Addr
}

// guestProgram is built once for all tests.
var guestProgram string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "gantry-guest-of-tests-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(dir) }()
		guestProgram = filepath.Join(dir, "gantry-guest")
		cmd := exec.Command("go", "build", "-o", guestProgram, "../../cmd/gantry-guest")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %s\n", err, output)
			return 1
		}
		return m.Run()
	}())
}

func newCluster(t *testing.T, version string) *cluster {
	t.Helper()
	return newClusterOf(t, version, machine.Options{Home: t.TempDir(), Guest: guestProgram})
}

func newClusterOf(t *testing.T, version string, options machine.Options) *cluster {
	t.Helper()
	world, err := machine.NewWorld(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	c := &cluster{
		World: world, t: t, version: version, begin: time.Now(), guestinfo: map[string]map[string]string{},
		hostnames: map[string]string{}, addresses: map[string][]netip.Addr{},
	}
	if c.authorities, err = pki.NewAuthorities(rand.Reader, time.Now()); err != nil {
		t.Fatal(err)
	}
	return c
}

// macOf returns the address of a machine's network card.
func macOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", sum[0]&0x3f, sum[1], sum[2])
}

const endpoint = "10.10.128.20"

// node returns one of the cluster at an address of its network. What a joining one
// needs is the caller's to add.
func (c *cluster) node(name string, role bootstrap.Role, address string) bootstrap.Node {
	node := bootstrap.Node{
		ClusterName:       "real",
		Name:              name,
		InstanceID:        "42000000-0000-4000-8000-" + fmt.Sprintf("%012x", len(name)*1000+int(name[len(name)-1])),
		Role:              role,
		KubernetesVersion: c.version,
		MAC:               macOf(name),
		Address:           netip.MustParsePrefix(address + "/24"),
		Gateway:           netip.MustParseAddr("10.10.128.1"),
		// It refuses whoever asks; CoreDNS does not start without one.
		Nameservers: []netip.Addr{netip.MustParseAddr("10.10.128.53")},
		Endpoint:    bootstrap.Endpoint{Address: netip.MustParseAddr(endpoint)},
		PodCIDR:     "192.168.0.0/16",
		ServiceCIDR: "10.96.0.0/12",
		NodeLabels:  map[string]string{"topology.kubernetes.io/zone": "zone-a"},
	}
	if role == bootstrap.FirstControlPlane {
		node.Authorities = c.authorities
	}
	return node
}

// boot powers a node on as a new machine.
func (c *cluster) boot(node bootstrap.Node) {
	c.t.Helper()
	guestinfo, err := bootstrap.GuestInfo(node)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.guestinfo[node.Name] = guestinfo
	c.mu.Unlock()
	c.powerOn(node.Name)
}

// powerOn switches a machine on with the guestinfo that it has now.
func (c *cluster) powerOn(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	copied := map[string]string{}
	for key, value := range c.guestinfo[name] {
		copied[key] = value
	}
	c.PowerOn(guest.VM{
		ID:                "vm-" + name,
		Name:              name,
		UUID:              name,
		MAC:               macOf(name),
		Network:           "nodes",
		Segment:           c.segment,
		KubernetesVersion: c.version,
		System:            c.system,
		GuestInfo:         copied,
		Read:              func(key string) string { return c.reported(name, strings.TrimPrefix(key, "guestinfo.")) },
		Report: func(changes map[string]string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			for key, value := range changes {
				c.guestinfo[name][key] = value
				if key == "guestinfo.gantry.phase" {
					c.logf("%s reports %s", name, value)
				}
			}
		},
		SetNetwork: func(ips []netip.Addr, hostname string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.addresses[name] = ips
			c.hostnames[name] = hostname
		},
	})
}

// logf logs with the time since the cluster's begin.
func (c *cluster) logf(format string, arguments ...any) {
	c.t.Logf("[%6.1f s] %s", time.Since(c.begin).Seconds(), fmt.Sprintf(format, arguments...))
}

func (c *cluster) reported(name, key string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.guestinfo[name]["guestinfo."+key]
}

func (c *cluster) state(name string) guest.State {
	for _, state := range c.Guests() {
		if state.Name == name {
			return state
		}
	}
	return guest.State{}
}

// await waits for a condition; what ends the wait early is a node that failed.
func (c *cluster) await(what string, patience time.Duration, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(200 * time.Millisecond) {
		late := time.Now().After(deadline)
		for _, state := range c.Guests() {
			late = late || state.Phase == guest.PhaseFailed
		}
		if late {
			time.Sleep(time.Second) // for consoles to catch up
			for _, state := range c.Guests() {
				c.t.Logf("%s: %s %q\n%s", state.Name, state.Phase, state.Error, state.Log)
			}
			c.t.Fatalf("[%6.1f s] not within %s: %s", time.Since(c.begin).Seconds(), patience, what)
		}
	}
	c.logf("%s", what)
}

func (c *cluster) try(name string, command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	output, err := c.Run(ctx, name, command...)
	return strings.TrimSpace(string(output)), err
}

func (c *cluster) run(name string, command ...string) string {
	c.t.Helper()
	output, err := c.try(name, command...)
	if err != nil {
		c.t.Fatalf("%v\n%s", err, output)
	}
	return output
}

// joining adds to a node what lets it join, made by the kubeadm of another.
func (c *cluster) joining(from string, node bootstrap.Node) bootstrap.Node {
	c.t.Helper()
	hash, err := c.authorities.CAHash()
	if err != nil {
		c.t.Fatal(err)
	}
	node.CAHash = hash
	node.Token = c.run(from, "kubeadm", "token", "create", "--kubeconfig", "/etc/kubernetes/admin.conf")
	if node.Role == bootstrap.ControlPlane {
		node.CertificateKey = c.run(from, "kubeadm", "certs", "certificate-key")
		c.run(from, "kubeadm", "init", "phase", "upload-certs", "--upload-certs", "--certificate-key", node.CertificateKey,
			"--kubeconfig", "/etc/kubernetes/admin.conf")
	}
	return node
}

// awaitJoined waits until a node has reported that it joined.
func (c *cluster) awaitJoined(name string) {
	c.t.Helper()
	c.await(name+" has joined", 8*time.Minute, func() bool { return c.reported(name, "gantry.phase") == "joined" })
}

// ipv6 moves a node to a network of IPv6, whose router is known by its link-local address.
func ipv6(node bootstrap.Node) bootstrap.Node {
	last := node.Address.Addr().As4()[3]
	node.Address = netip.MustParsePrefix(fmt.Sprintf("2001:db8:1::%d/64", last))
	node.Gateway = netip.MustParseAddr("fe80::1")
	node.Endpoint.Address = netip.MustParseAddr("2001:db8:1::20")
	node.Nameservers = []netip.Addr{netip.MustParseAddr("2001:db8:1::53")}
	node.PodCIDR = "fd00:10::/56"
	node.ServiceCIDR = "fd00:20::/112"
	return node
}
