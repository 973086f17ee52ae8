package guest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/network"
)

const (
	keyAddress = "guestinfo.gantry.address"
	keyLease   = "guestinfo.gantry.lease"

	leaseScript  = "/etc/gantry/lease.sh"
	leasedFiles  = "/etc/gantry/leased-files"
	leaseService = "gantry-lease.service"
	leaseTimer   = "gantry-lease.timer"

	// The words that the script puts the lease in the place of.
	leasedAddress = "__GANTRY_LEASED_ADDRESS__"
	leasedNetwork = "__GANTRY_LEASED_NETWORK__"
)

// leaseRequest is what the machine asks by.
func (g *guest) leaseRequest(hostname string) network.LeaseRequest {
	return network.LeaseRequest{
		Network:  g.vm.Network,
		Segment:  g.vm.Segment,
		MAC:      g.vm.MAC,
		HostName: hostname,
		Holder:   g.owner(),
	}
}

// takeLease waits for a lease for as long as it takes, as a machine does.
func (g *guest) takeLease(ctx context.Context, inst *cloudinit.Instance) (netip.Prefix, error) {
	for looks := 0; ; looks++ {
		lease, err := g.world.leases.Take(g.leaseRequest(inst.Hostname))
		if err == nil {
			return lease, nil
		}
		if looks == 0 {
			g.log("%v", err)
			g.set(ctx, g.starting(PhaseBooting), nil)
		}
		if !sleep(ctx, pollInterval) {
			return netip.Prefix{}, errOff
		}
	}
}

// checkLeaseDocuments refuses what would leave a machine with a lease without its address, or
// with that of another clone.
func checkLeaseDocuments(inst *cloudinit.Instance) error {
	if !inst.Network.DHCP4 {
		return nil
	}
	if !inst.Has(leaseScript) {
		return fmt.Errorf("%s: No such file or directory: nothing finds the lease", leaseScript)
	}
	asked := false
	for path, file := range inst.Files {
		dropIn := strings.HasPrefix(path, "/etc/systemd/network/10-cloud-init-") && strings.Contains(path, ".network.d/")
		asked = asked || dropIn && strings.Contains(string(file.Content), "[DHCPv4]\nClientIdentifier=mac\n")
	}
	if !asked {
		return errors.New("networkd asks for a lease by the machine-id: dhcp-identifier is dropped, and no drop-in has a ClientIdentifier")
	}
	return nil
}

// fillIn puts the lease into the files that are listed for it. What is not listed keeps its
// words, over which others stumble.
func fillIn(inst *cloudinit.Instance, lease netip.Prefix) {
	words := strings.NewReplacer(leasedAddress, lease.Addr().String(), leasedNetwork, lease.Masked().String())
	for path := range strings.FieldsSeq(string(inst.Files[leasedFiles].Content)) {
		if file, ok := inst.Files[path]; ok {
			file.Content = []byte(words.Replace(string(file.Content)))
			inst.Files[path] = file
		}
	}
}

// useLease is the part of the script for a machine with a lease. It returns whether that is
// the one that the machine bootstrapped with.
func (g *guest) useLease(ctx context.Context, inst *cloudinit.Instance) (same bool) {
	if !inst.Network.DHCP4 {
		return true
	}
	lease := inst.Network.Addresses[0]
	g.world.mu.Lock()
	if !g.disk.lease.IsValid() {
		fillIn(inst, lease)
		g.disk.lease = lease
	}
	kept := g.disk.lease
	g.disk.leaseChanged = g.disk.leaseChanged || lease != kept
	changed := g.disk.leaseChanged
	g.world.mu.Unlock()
	values := map[string]string{keyAddress: kept.Addr().String()}
	if changed {
		g.log("the lease is %s and was %s when this machine bootstrapped", lease, kept)
		values[keyLease] = lease.Addr().String()
	}
	g.report(ctx, values)
	return lease == kept
}

// ChangeLease has the server of DHCP give a VM another address from its next boot on, the next
// that is free where none is named.
func (w *World) ChangeLease(id string, to netip.Addr) error {
	w.mu.Lock()
	g := w.guests[id]
	w.mu.Unlock()
	if g == nil {
		return fmt.Errorf("VM %s has never booted", id)
	}
	return w.leases.Change(g.leaseRequest(""), to)
}

// LimitLeases bounds how many leases a network has; a negative number is no bound. A machine
// that gets none waits.
func (w *World) LimitLeases(network string, leases int) { w.leases.Limit(network, leases) }

// Resolve is what the network's DNS says of a host.
func (w *World) Resolve(host string) (netip.Addr, error) { return w.leases.Resolve(host) }

// movedAway is what another lease does to a node that has joined. A worker's kubelet tells its
// new address. On a control plane nothing runs: etcd and the API server cannot listen at the
// address in their manifests, and kubelet has none that it was told to have.
func (g *guest) movedAway(ctx context.Context, n *node, inst *cloudinit.Instance) bool {
	if n.controlPlane {
		g.log("kubelet: failed to validate nodeIP: node IP: %q not found in the host's network interfaces", n.address)
		g.log("etcd: listen tcp %s: bind: cannot assign requested address", n.advertise.Addr())
		return true
	}
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	n.address = inst.Network.Addresses[0].Addr()
	for i, address := range n.object.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			n.object.Status.Addresses[i].Address = n.address.String()
		}
	}
	_, _ = n.cluster.store.Change(kubeapi.Nodes, "", n.name, func(o *kubeapi.Object) error { // it registers again where it is gone
		status, _ := o.Object["status"].(map[string]any)
		addresses, _ := status["addresses"].([]any)
		for _, address := range addresses {
			if fields, ok := address.(map[string]any); ok && fields["type"] == string(corev1.NodeInternalIP) {
				fields["address"] = n.address.String()
			}
		}
		return nil
	})
	return false
}

// resolve is where the machine finds an endpoint.
func (g *guest) resolve(endpoint kubeadm.Endpoint) (netip.AddrPort, error) {
	address, err := g.world.leases.Resolve(endpoint.Host)
	return netip.AddrPortFrom(address, endpoint.Port), err
}

// awaitEndpoint is what kubeadm init does by the cluster's endpoint once the API server of its
// node runs: behind a load balancer that has no way to it yet, it waits.
func (g *guest) awaitEndpoint(ctx context.Context, c *cluster, n *node) error {
	for deadline := time.Now().Add(g.world.options.JoinTimeout); ; {
		at, err := g.resolve(c.at)
		if err == nil && g.world.balancedAt(at) == c {
			g.world.mu.Lock()
			defer g.world.mu.Unlock()
			n.joined = true
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("error execution phase upload-config/kubeadm: could not reach the control plane at %s:%d: "+
				"no load balancer there leads to this node", c.at.Host, c.at.Port)
		}
		if !sleep(ctx, pollInterval) {
			return errOff
		}
	}
}
