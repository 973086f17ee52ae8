package guest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
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
