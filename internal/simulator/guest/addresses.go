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
	if len(prefixes) == 0 {
		lease, err := g.lease()
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

// lease plays a DHCP server that hands out a segment from its end.
func (g *guest) lease() (netip.Prefix, error) {
	s := g.vm.Segment
	if !s.IsValid() || !s.Addr().Is4() {
		return netip.Prefix{}, fmt.Errorf("no DHCP lease on network %s: its prefix is unknown", g.vm.Network)
	}
	b := s.Masked().Addr().As4()
	for i, hostBits := 3, 32-s.Bits(); hostBits > 0; i, hostBits = i-1, hostBits-8 {
		b[i] |= byte(1<<min(hostBits, 8) - 1)
	}
	for addr := netip.AddrFrom4(b).Prev(); s.Contains(addr); addr = addr.Prev() {
		if _, taken := g.world.network.Holder(addr); !taken {
			return netip.PrefixFrom(addr, s.Bits()), nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("no DHCP lease on network %s: %s is used up", g.vm.Network, s)
}

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
