package guest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
)

// networkUp takes the addresses of the machine.
func (g *guest) networkUp(ctx context.Context, inst *cloudinit.Instance) error {
	prefixes := inst.Network.Addresses
	if inst.Network.DHCP4 {
		lease, err := g.takeLease(ctx, inst)
		if err != nil {
			return err
		}
		prefixes = []netip.Prefix{lease}
	}
	for _, p := range prefixes {
		if s := g.vm.Segment; s.IsValid() && s.Addr().Is4() == p.Addr().Is4() && !s.Contains(p.Addr()) {
			return fmt.Errorf("address %s is not on network %s (%s): the gateway does not answer", p, g.vm.Network, s)
		}
	}
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if ctx.Err() != nil {
		if inst.Network.DHCP4 {
			g.world.network.Release(prefixes[0].Addr(), g.owner()) // of the lease, which stays the card's
		}
		return errOff
	}
	for _, p := range prefixes {
		if err := g.world.network.Claim(p.Addr(), g.owner()); err != nil {
			return fmt.Errorf("duplicate address detected: %w", err)
		}
		g.addresses = append(g.addresses, p.Addr())
	}
	inst.Network.Addresses = prefixes
	g.hostname = inst.Hostname
	g.world.running.Go(g.publish)
	return nil
}

// owner names the machine to others on the network; a VM's name alone is not
// unique in a datacenter.
func (g *guest) owner() string { return g.vm.Name + " (" + g.vm.ID + ")" }

// publish reports the machine's present addresses as the guest tools do.
func (g *guest) publish() {
	g.tools.Lock()
	defer g.tools.Unlock()
	g.world.mu.Lock()
	addresses := slices.Clone(g.addresses)
	name := g.hostname
	setNetwork := g.vm.SetNetwork
	off := g.halt == nil
	if n := g.disk.node; n != nil && n.controlPlane && n.cluster.holder == g {
		addresses = append(addresses, n.cluster.vip.Addr())
	}
	g.world.mu.Unlock()
	if setNetwork != nil && !off && len(addresses) > 0 {
		setNetwork(addresses, name)
	}
}
