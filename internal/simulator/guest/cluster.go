package guest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cpi"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/etcd"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// cluster is what control-plane nodes share: etcd's data and membership, and
// the VIP. Its fields belong to World.mu unless they say else.
type cluster struct {
	world   *World
	version kubeadm.Version
	ca      *kubeadm.Authority
	service netip.Addr       // of the API's own Service
	at      kubeadm.Endpoint // its endpoint
	vip     netip.AddrPort   // the same; zero where a load balancer is the endpoint
	sans    []string
	store   *kubeapi.Store
	server  *kubeapi.Server
	cancel  context.CancelFunc
	changed chan struct{} // wakes the controllers; has a buffer of one

	members  []*guest // the control plane's, also those that are off or destroyed
	etcd     *etcd.Cluster
	etcdRuns bool   // for real, and not as a fact alone
	holder   *guest // of the VIP
	vipServe *endpoint
	quorum   atomic.Bool  // read without a lock by the API
	serving  atomic.Value // the kubeadm.Version of the holder of the VIP, the last one

	// Of the Lease of kube-vip: its version, for how long that has been seen, for how long the
	// holder of the VIP has not renewed it, and whether only the node that it names may take the VIP.
	leaseSeen   string
	leaseAge    time.Duration
	lost        time.Duration
	vipReserved bool

	etcdStart sync.Mutex // before World.mu
}

// node is a machine's place in a cluster, on its disk.
type node struct {
	cluster      *cluster
	name         string
	address      netip.Addr
	advertise    netip.AddrPort
	controlPlane bool
	vip          *kubeadm.KubeVIP
	serving      tls.Certificate
	object       *corev1.Node
	static       []*corev1.Pod
	joined       bool            // kubeadm has ended well
	expire       time.Time       // when the certificates that kubeadm made end
	version      kubeadm.Version // of the control plane's pods, or of a worker's kubelet
	etcdCA       *kubeadm.Authority
	keys         kubeapi.Keys // of its API server
}

var errNoQuorum = errors.New("etcdserver: request timed out, possibly due to connection lost: no quorum")

func (c *cluster) healthy() error {
	if c.quorum.Load() {
		return nil
	}
	return errNoQuorum
}

// kubelets returns the node agents that run, by node name.
func (c *cluster) kubelets() map[string]kubeapi.Kubelet {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	all := map[string]kubeapi.Kubelet{}
	for _, g := range c.world.guests {
		if n := g.disk.node; n != nil && n.cluster == c && g.kubelet {
			all[n.name] = kubeapi.Kubelet{
				Address:    n.address.String(),
				StaticPods: g.staticPods(),
				Failing:    g.failing(),
				PodsAt:     g.podsAt,
				Problems:   g.problems,
				Pull:       g.puller(),
			}
		}
	}
	return all
}

// machines returns the VMs of the cluster's nodes that exist, by node name, as vCenter
// shows them. The VIP comes first among the addresses that the guest tools report, as it
// may once the network's configuration was applied anew.
func (c *cluster) machines() map[string]cpi.Machine {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	all := map[string]cpi.Machine{}
	for _, g := range c.world.guests {
		n := g.disk.node
		if n == nil || n.cluster != c {
			continue
		}
		addresses := slices.Clone(g.addresses)
		if c.holder == g {
			addresses = slices.Insert(addresses, 0, c.vip.Addr())
		}
		all[n.name] = cpi.Machine{
			ID:        g.vm.ID,
			UUID:      g.vm.BIOSUUID,
			On:        g.halt != nil,
			HostName:  g.hostname,
			Addresses: addresses,
			Metadata:  g.vm.GuestInfo["guestinfo.metadata"],
			Encoding:  g.vm.GuestInfo["guestinfo.metadata.encoding"],
		}
	}
	return all
}

// staticPods are those whose manifests are there: that of etcd comes with its join.
// World.mu is held.
func (g *guest) staticPods() []*corev1.Pod {
	n := g.disk.node
	if n.joined || g.disk.member != nil {
		return n.static
	}
	return slices.DeleteFunc(slices.Clone(n.static), func(p *corev1.Pod) bool { return p.Name == "etcd" })
}

// failing returns the static pods of a machine that do not run. World.mu is held.
func (g *guest) failing() map[string]string {
	all := maps.Clone(g.crashing)
	if all == nil {
		all = map[string]string{}
	}
	if g.disk.node.controlPlane && g.endpoint == nil && all["kube-apiserver"] == "" {
		all["kube-apiserver"] = "etcd does not answer"
	}
	if g.disk.member != nil && g.member == nil && all["etcd"] == "" {
		all["etcd"] = "etcd has ended"
	}
	return all
}

// settle brings quorum and VIP to what the running members allow. World.mu is
// held.
func (c *cluster) settle() {
	var live []*guest
	for _, m := range c.members {
		if m.serves() {
			live = append(live, m)
		}
	}
	c.noteUnreadable(live)
	quorum := len(live) > 0
	if c.etcdRuns {
		quorum = c.etcd.Quorum()
	}
	if had := c.quorum.Swap(quorum); had && !quorum {
		c.noteQuorumLoss(live)
	}
	if c.holder != nil && (!quorum || !slices.Contains(live, c.holder)) {
		c.dropVIP()
	}
	if !c.vip.IsValid() {
		if len(live) > 0 {
			c.serving.Store(live[0].disk.node.version)
		}
	} else if c.holder == nil && quorum && !c.vipReserved {
		for _, g := range live {
			if g.disk.node.vip != nil && c.takeVIP(g) == nil {
				break
			}
		}
	}
	c.wake()
}

// wake lets the controllers look again.
func (c *cluster) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// vipOwner returns a unique name: two clusters may claim one VIP.
func (c *cluster) vipOwner() string { return fmt.Sprintf("the VIP of cluster %p", c) }

func (c *cluster) takeVIP(g *guest) error {
	if err := c.world.network.Claim(c.vip.Addr(), c.vipOwner()); err != nil {
		return err
	}
	e, err := c.serve(c.vip, g.disk.node)
	if err != nil {
		c.world.network.Release(c.vip.Addr(), c.vipOwner())
		return err
	}
	c.holder = g
	c.acquireLease(g, c.world.options.Now())
	c.serving.Store(g.disk.node.version)
	c.vipServe = e
	c.world.running.Go(g.publish)
	return nil
}

func (c *cluster) dropVIP() {
	last := c.holder
	c.vipServe.close()
	c.world.network.Release(c.vip.Addr(), c.vipOwner())
	c.holder = nil
	c.vipServe = nil
	c.world.running.Go(last.publish)
}

// endpoint is an API server that listens somewhere.
type endpoint struct {
	server   *http.Server
	listener net.Listener
	cancel   context.CancelFunc // of its requests
}

// serve starts an endpoint of a node's API server in the simulated network.
func (c *cluster) serve(at netip.AddrPort, n *node) (*endpoint, error) {
	l, err := c.world.network.Listen(at)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(kubeapi.WithKeys(c.world.ctx, n.keys))
	e := &endpoint{cancel: cancel, listener: l, server: &http.Server{
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
		// Clients are authenticated per request: a bad certificate is a 401,
		// not a broken handshake.
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{n.serving}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.world.requests.Add(1)
			defer c.world.requests.Add(-1)
			c.server.ServeHTTP(w, r)
		}),
	}}
	c.world.running.Go(func() { _ = e.server.ServeTLS(l, "", "") })
	return e, nil
}

// close drops the listener and every connection.
func (e *endpoint) close() {
	if e != nil {
		e.cancel()
		_ = e.server.Close()
		_ = e.listener.Close() // the server may not have begun with it
	}
}

// servingCertificate signs what kubeadm's phase certs/apiserver signs.
func (c *cluster) servingCertificate(name string, advertise netip.Addr, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("error execution phase certs/apiserver: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("error execution phase certs/apiserver: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "kube-apiserver"},
		NotBefore:    c.ca.Certificate.NotBefore,
		NotAfter:     now.AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", name},
	}
	for _, addr := range []netip.Addr{c.service, advertise} {
		template.IPAddresses = append(template.IPAddresses, net.IP(addr.AsSlice()))
	}
	for _, san := range append([]string{c.at.Host}, c.sans...) {
		if ip := net.ParseIP(san); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, san)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.ca.Certificate, key.Public(), c.ca.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("error execution phase certs/apiserver: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
