package guest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// leasing is an engine whose machines take leases, and what it wrote into their guestinfo.
type leasing struct {
	*engine
	hostName string
	booted   map[string]*machine

	mu    sync.Mutex
	wrote map[string]map[string]string
}

const balancerName = "prod-1-lb"

func newLeasing(t *testing.T, hostName string) *leasing {
	t.Helper()
	return &leasing{
		engine:   newEngine(t, version),
		hostName: hostName,
		booted:   map[string]*machine{},
		wrote:    map[string]map[string]string{},
	}
}

// power boots a machine, whose card is that of an address that it does not get.
func (l *leasing) power(name, card string, info map[string]string) {
	l.t.Helper()
	m := l.machine(name, card)
	m.vm.ID = "vm-" + name
	m.raw = info
	m.vm.Read = func(key string) string {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.wrote[name][key]
	}
	l.booted[name] = m
	l.boot(m)
}

func (l *leasing) balancer() bootstrap.LoadBalancer {
	return bootstrap.LoadBalancer{
		ClusterName:       "prod-1",
		Name:              balancerName,
		InstanceID:        "6ba7b810-9dad-11d1-80b4-00c04fd43000",
		MAC:               mac(address(5)),
		KubernetesVersion: l.version,
		HAProxyImage:      bootstrap.DefaultHAProxyImage,
		HostName:          l.hostName,
		CACertificate:     l.a.CA.Cert,
	}
}

// startBalancer boots the load balancer, which is the endpoint from then on.
func (l *leasing) startBalancer() {
	l.t.Helper()
	info, err := bootstrap.LoadBalancerGuestInfo(l.balancer())
	if err != nil {
		l.t.Fatal(err)
	}
	l.power(balancerName, address(5), info)
	l.reaches(balancerName, "waiting")
	l.host = l.reports1(balancerName, "address")
	if l.hostName != "" {
		l.host = l.hostName
	}
}

// leased is a node that takes a lease.
func (l *leasing) leased(role bootstrap.Role, name, card string) bootstrap.Node {
	l.t.Helper()
	n := l.node(role, name, card)
	n.DHCP = true
	n.Address = netip.Prefix{}
	n.Gateway = netip.Addr{}
	n.Nameservers = nil
	n.SearchDomains = nil
	n.Endpoint = bootstrap.Endpoint{HostName: l.hostName, LoadBalancer: true}
	if l.hostName == "" {
		n.Endpoint.Address = netip.MustParseAddr(l.host)
	}
	return n
}

func (l *leasing) startLeased(n bootstrap.Node, card string) {
	l.t.Helper()
	info, err := bootstrap.GuestInfo(n)
	if err != nil {
		l.t.Fatal(err)
	}
	l.power(n.Name, card, info)
}

// reports1 is a value that a machine has reported.
func (l *leasing) reports1(name, key string) string {
	l.records.mu.Lock()
	defer l.records.mu.Unlock()
	return l.reports[name]["guestinfo.gantry."+key]
}

func (l *leasing) reaches(name, phase string) {
	l.t.Helper()
	eventually(l.t, name+" is "+phase, func() bool { return l.reports1(name, "phase") == phase })
}

// uses tells the load balancer its backends, and waits until it has applied them.
func (l *leasing) uses(nodes ...string) {
	l.t.Helper()
	var addresses []netip.Addr
	for _, node := range nodes {
		eventually(l.t, node+" tells its address", func() bool { return l.reports1(node, "address") != "" })
		addresses = append(addresses, netip.MustParseAddr(l.reports1(node, "address")))
	}
	list, err := bootstrap.Backends(addresses)
	if err != nil {
		l.t.Fatal(err)
	}
	l.tell(bootstrap.BackendsKey, list)
	eventually(l.t, "backends "+list, func() bool {
		return l.reports1(balancerName, "backends.applied") == list && l.reports1(balancerName, "phase") == bootstrap.PhaseServing
	})
}

func (l *leasing) tell(key, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrote[balancerName] == nil {
		l.wrote[balancerName] = map[string]string{}
	}
	l.wrote[balancerName][key] = value
}

// cluster builds a control plane of three and a worker behind the load balancer.
func (l *leasing) cluster() {
	l.t.Helper()
	l.startBalancer()
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	l.uses("prod-1-cp-1")
	l.wantJoined("prod-1-cp-1")
	l.letJoin()
	all := []string{"prod-1-cp-1"}
	for i, name := range []string{"prod-1-cp-2", "prod-1-cp-3"} {
		l.startLeased(l.leased(bootstrap.ControlPlane, name, address(12+i)), address(12+i))
		all = append(all, name)
		l.uses(all...)
		l.wantJoined(name)
	}
	l.startLeased(l.leased(bootstrap.Worker, "prod-1-w-1", address(21)), address(21))
	l.wantJoined("prod-1-w-1")
}

func (l *leasing) answers() bool {
	ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Second)
	defer cancel()
	_, err := l.client().Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	return err == nil
}

func (l *leasing) nodeAddress(name string) string {
	l.t.Helper()
	n, err := l.client().CoreV1().Nodes().Get(l.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		return err.Error()
	}
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	return ""
}

func (l *leasing) changeLease(name string) {
	l.t.Helper()
	if err := l.world.ChangeLease("vm-"+name, netip.Addr{}); err != nil {
		l.t.Fatal(err)
	}
}

// restart cuts the power of machines at once and gives it back.
func (l *leasing) restart(names ...string) {
	l.t.Helper()
	for _, name := range names {
		l.world.PowerOff("vm-" + name)
		l.records.mu.Lock()
		delete(l.reports, name)
		l.records.mu.Unlock()
	}
	for _, name := range names {
		m := l.booted[name]
		m.raw["guestinfo.userdata"], m.raw["guestinfo.userdata.encoding"] = "---", " "
		l.boot(m)
	}
}

func TestLeasedClustersBoot(t *testing.T) {
	t.Parallel()
	for name, hostName := range map[string]string{"by address": "", "by name": "api.prod-1.example.com"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeasing(t, hostName)
			l.cluster()
			nodes, err := l.client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
			if err != nil || len(nodes.Items) != 4 {
				t.Fatalf("nodes: %d, %v", len(nodes.Items), err)
			}
			for _, node := range []string{"prod-1-cp-1", "prod-1-w-1"} {
				if got, want := l.nodeAddress(node), l.reports1(node, "address"); got != want || !strings.HasPrefix(want, "10.10.") {
					t.Errorf("%s is registered at %s and reports %s", node, got, want)
				}
			}
			// One that leaves the list, and then its machine.
			l.uses("prod-1-cp-2", "prod-1-cp-3")
			l.world.PowerOff("vm-prod-1-cp-1")
			for range 6 {
				if !l.answers() {
					t.Fatal("the API does not answer")
				}
			}
		})
	}
}

// A lease follows the card, also to another machine.
func TestLeasesFollowTheMACAddress(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.startBalancer()
	first := l.reports1(balancerName, "address")
	l.world.PowerOff("vm-" + balancerName)
	l.world.Destroyed("vm-" + balancerName)
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	eventually(t, "a node has a lease", func() bool { return l.reports1("prod-1-cp-1", "address") != "" })
	if l.reports1("prod-1-cp-1", "address") == first {
		t.Error("a node got the lease of the load balancer")
	}
	info, err := bootstrap.LoadBalancerGuestInfo(l.balancer())
	if err != nil {
		t.Fatal(err)
	}
	l.records.mu.Lock()
	delete(l.reports, balancerName)
	l.records.mu.Unlock()
	l.power(balancerName, address(5), info)
	l.reaches(balancerName, "waiting")
	if got := l.reports1(balancerName, "address"); got != first {
		t.Errorf("the replacement got %s and not %s", got, first)
	}
}

func TestLeasedClusterComesBackAfterAResetOfAll(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.cluster()
	l.world.PowerOff("vm-" + balancerName)
	if l.answers() {
		t.Error("the API answers while its load balancer is off")
	}
	l.restart(balancerName, "prod-1-cp-1", "prod-1-cp-2", "prod-1-cp-3", "prod-1-w-1")
	l.reaches(balancerName, "serving")
	eventually(t, "the API is back", l.answers)
	for _, name := range []string{"prod-1-cp-1", "prod-1-cp-2", "prod-1-cp-3", "prod-1-w-1"} {
		l.reaches(name, "joined")
		if l.reports1(name, "lease") != "" {
			t.Errorf("%s tells of another lease", name)
		}
	}
}

func TestChangedLeases(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.cluster()
	for _, name := range []string{"prod-1-cp-3", "prod-1-w-1"} {
		before := l.reports1(name, "address")
		l.changeLease(name)
		l.restart(name)
		eventually(t, name+" tells of its lease", func() bool { return l.reports1(name, "lease") != "" })
		if got, lease := l.reports1(name, "address"), l.reports1(name, "lease"); got != before || lease == before {
			t.Errorf("%s reports %s and %s, was %s", name, got, lease, before)
		}
	}
	eventually(t, "the worker's node has its address", func() bool {
		return l.nodeAddress("prod-1-w-1") == l.reports1("prod-1-w-1", "lease")
	})
	eventually(t, "the control-plane node is not ready", func() bool {
		n, err := l.client().CoreV1().Nodes().Get(t.Context(), "prod-1-cp-3", metav1.GetOptions{})
		if err != nil {
			return false
		}
		i := slices.IndexFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeReady })
		return i >= 0 && n.Status.Conditions[i].Status == corev1.ConditionUnknown
	})
	if !l.answers() {
		t.Error("the API does not answer with two members of three")
	}
}

func TestMachinesWaitForALease(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.startBalancer()
	l.world.LimitLeases("dvpg-nodes", 1)
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	eventually(t, "the node says what it waits for", func() bool {
		return strings.Contains(l.reports1("prod-1-cp-1", "log"), "no lease on network dvpg-nodes")
	})
	if phase := l.reports1("prod-1-cp-1", "phase"); phase != "booting" {
		t.Errorf("phase %s", phase)
	}
	l.world.LimitLeases("dvpg-nodes", -1)
	l.uses("prod-1-cp-1")
	l.wantJoined("prod-1-cp-1")
}

// init ends only by the endpoint, and so does a join.
func TestInitNeedsAWayThroughTheLoadBalancer(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.engine.site = newSite(t, guest.Options{JoinTimeout: 300 * time.Millisecond})
	l.startBalancer()
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	if g := l.settled("prod-1-cp-1"); g.Phase != guest.PhaseFailed || !strings.Contains(g.Log, "no load balancer there leads to this node") {
		t.Errorf("phase %s\n%s", g.Phase, g.Log)
	}
}

// What is no list of addresses, or none, changes nothing.
func TestLoadBalancerKeepsItsBackends(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	l.startBalancer()
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	l.uses("prod-1-cp-1")
	l.wantJoined("prod-1-cp-1")
	for _, wrong := range []string{"", " ", "nonsense", "10.0.0.1,,10.0.0.2"} {
		l.tell(bootstrap.BackendsKey, wrong)
		l.restart(balancerName)
		l.reaches(balancerName, "serving")
		if !l.answers() {
			t.Errorf("the API does not answer after %q", wrong)
		}
	}
}

// A backend that another cluster's authority has signed gets nothing.
func TestLoadBalancerSendsNothingToStrangers(t *testing.T) {
	t.Parallel()
	l := newLeasing(t, "")
	other, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ours := l.a.CA
	l.a.CA = other.CA // of the load balancer
	l.engine.site = newSite(t, guest.Options{JoinTimeout: 300 * time.Millisecond})
	l.startBalancer()
	l.a.CA = ours
	l.startLeased(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)), address(11))
	l.uses("prod-1-cp-1")
	if g := l.settled("prod-1-cp-1"); g.Phase != guest.PhaseFailed {
		t.Errorf("phase %s\n%s", g.Phase, g.Log)
	}
	if l.answers() {
		t.Error("the API answers")
	}
}

// unpacked is a guestinfo value as a machine reads it.
func unpacked(t *testing.T, value, encoding string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		t.Fatal(err)
	}
	if encoding == "base64" {
		return raw
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
