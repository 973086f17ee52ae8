//go:build linux && real

package guestos_test

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

const balancer = "real-lb"

// bootBalancer powers the load balancer on, and waits for its lease.
func (c *cluster) bootBalancer() netip.Addr {
	c.t.Helper()
	guestinfo, err := bootstrap.LoadBalancerGuestInfo(bootstrap.LoadBalancer{
		ClusterName:       "real",
		Name:              balancer,
		InstanceID:        "42000000-0000-4000-8000-000000000999",
		MAC:               macOf(balancer),
		KubernetesVersion: c.version,
		HAProxyImage:      bootstrap.DefaultHAProxyImage,
		CACertificate:     c.authorities.CA.Cert,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.guestinfo[balancer] = guestinfo
	c.mu.Unlock()
	c.powerOn(balancer)
	c.await("the load balancer waits", 4*time.Minute, func() bool { return c.reported(balancer, "gantry.phase") == bootstrap.PhaseWaiting })
	return netip.MustParseAddr(c.reported(balancer, "gantry.address"))
}

// leased is a node behind a load balancer.
func (c *cluster) leased(name string, role bootstrap.Role, at netip.Addr) bootstrap.Node {
	node := c.node(name, role, "10.10.128.11")
	node.DHCP = true
	node.Address = netip.Prefix{}
	node.Gateway = netip.Addr{}
	node.Nameservers = nil
	node.Endpoint = bootstrap.Endpoint{Address: at, LoadBalancer: true}
	return node
}

// use tells the load balancer its backends, and waits until HAProxy runs by them.
func (c *cluster) use(names ...string) {
	c.t.Helper()
	var addresses []netip.Addr
	for _, name := range names {
		c.await("the lease of "+name, 4*time.Minute, func() bool { return c.reported(name, "gantry.address") != "" })
		addresses = append(addresses, netip.MustParseAddr(c.reported(name, "gantry.address")))
	}
	list, err := bootstrap.Backends(addresses)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.guestinfo[balancer][bootstrap.BackendsKey] = list
	c.mu.Unlock()
	c.await("HAProxy runs by "+list, 4*time.Minute, func() bool {
		return c.reported(balancer, "gantry.backends.applied") == list && c.reported(balancer, "gantry.phase") == bootstrap.PhaseServing
	})
}

// A kubelet that stands alone runs HAProxy once there are backends, and HAProxy takes another
// list while its container runs on. Nothing of it but the API's port is open to others.
func TestRealLoadBalancer(t *testing.T) {
	c := newCluster(t, "1.37.2")
	c.segment = netip.MustParsePrefix("10.10.128.0/24")
	c.bootBalancer()
	container := ""
	for _, list := range []string{"10.10.128.250", "10.10.128.250,10.10.128.251"} {
		c.mu.Lock()
		c.guestinfo[balancer][bootstrap.BackendsKey] = list
		c.mu.Unlock()
		c.await("HAProxy runs by "+list, 4*time.Minute, func() bool { return c.reported(balancer, "gantry.backends.applied") == list })
		before := container
		container = c.run(balancer, "crictl", "ps", "--quiet", "--name", "^haproxy$")
		if before != "" && container != before {
			t.Error("HAProxy was started anew for another list")
		}
	}
	for line := range strings.Lines(c.run(balancer, "ss", "--listening", "--tcp", "--numeric", "--no-header")) {
		if at := strings.Fields(line)[3]; !strings.HasPrefix(at, "127.") && at != "0.0.0.0:6443" {
			t.Errorf("something listens at %s", at)
		}
	}
}

// A control plane and a worker take leases of dnsmasq and meet behind HAProxy, which a kubelet
// that stands alone runs; then all lose their power at once.
func TestRealLeases(t *testing.T) {
	c := newCluster(t, "1.37.2")
	c.segment = netip.MustParsePrefix("10.10.128.0/24")
	at := c.bootBalancer()
	c.boot(c.leased("cp1", bootstrap.FirstControlPlane, at))
	c.use("cp1")
	c.awaitJoined("cp1")
	c.boot(c.joining("cp1", c.leased("w1", bootstrap.Worker, at)))
	c.awaitJoined("w1")
	before := map[string]string{}
	for _, name := range []string{balancer, "cp1", "w1"} {
		before[name] = c.reported(name, "gantry.address")
	}
	out := c.run("cp1", "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "nodes", "-o", "wide")
	for _, name := range []string{"cp1", "w1"} {
		if !strings.Contains(out, before[name]) {
			t.Errorf("%s is not registered at %s:\n%s", name, before[name], out)
		}
	}
	if out := c.run("w1", "cat", "/etc/kubernetes/kubelet.conf"); !strings.Contains(out, "https://"+at.String()+":6443") {
		t.Errorf("kubelet reaches the API by another endpoint:\n%s", out)
	}

	for name := range before {
		c.PowerOff("vm-" + name)
		c.mu.Lock()
		for _, key := range []string{bootstrap.PhaseKey, bootstrap.AddressKey, bootstrap.AppliedKey} {
			delete(c.guestinfo[name], key)
		}
		c.mu.Unlock()
	}
	for name := range before {
		c.powerOn(name)
	}
	c.awaitJoined("cp1")
	c.awaitJoined("w1")
	c.await("HAProxy runs again", 4*time.Minute, func() bool { return c.reported(balancer, "gantry.phase") == bootstrap.PhaseServing })
	c.await("the API is back behind it", 4*time.Minute, func() bool {
		_, err := c.try("cp1", "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "--raw", "/readyz")
		return err == nil
	})
	after := map[string]string{}
	for name := range before {
		after[name] = c.reported(name, "gantry.address")
	}
	if !maps.Equal(after, before) {
		t.Errorf("leases %v, were %v", after, before)
	}
}
