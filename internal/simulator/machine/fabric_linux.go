package machine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// fabric is the network of the machines: a bridge for each network of vSphere,
// and one router that has the gateways of all of them and the addresses of the
// registry.
type fabric struct {
	*namespace
	registry []netip.AddrPort

	mu      sync.Mutex
	bridges map[string]*bridge // by vSphere's name
	wires   int
}

// wirePrefix begins the names of the ends of machines' network cards here.
const wirePrefix = "vm"

type bridge struct {
	device    string
	addresses []netip.Prefix // of the router in it
	leases    *leaseServer   // nil where no machine has asked for one
}

func newFabric() (*fabric, error) {
	space, err := newNamespace()
	if err != nil {
		return nil, err
	}
	f := &fabric{namespace: space, bridges: map[string]*bridge{}}
	if err := f.route(); err != nil {
		f.close()
		return nil, fmt.Errorf("network of the machines: %w", err)
	}
	return f, nil
}

// route makes the router.
func (f *fabric) route() error {
	addresses := []netip.Addr{netip.MustParseAddr(wire.RegistryAddress4)}
	settings := []string{"/proc/sys/net/ipv4/ip_forward"}
	const forwarding6 = "/proc/sys/net/ipv6/conf/all/forwarding"
	if _, err := os.Stat(forwarding6); err == nil {
		addresses = append(addresses, netip.MustParseAddr(wire.RegistryAddress6))
		settings = append(settings, forwarding6)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// These files belong to the network namespace of the thread that opens them.
	if err := f.do(func() error {
		for _, file := range settings {
			if err := os.WriteFile(file, []byte("1"), 0); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	commands := []string{"link set lo up"}
	for _, address := range addresses {
		commands = append(commands, addressAdd(netip.PrefixFrom(address, address.BitLen()), "lo"))
		f.registry = append(f.registry, netip.AddrPortFrom(address, wire.RegistryPort))
	}
	return f.ip(commands...)
}

func addressAdd(prefix netip.Prefix, device string) string {
	command := fmt.Sprintf("address add %s dev %s", prefix, device)
	if prefix.Addr().Is6() {
		command += " nodad" // there at once
	}
	return command
}

// registryURL returns the registry's URL for a machine with these gateways.
func (f *fabric) registryURL(gateways []netip.Prefix) string {
	address := f.registry[0]
	for _, other := range f.registry {
		if slices.ContainsFunc(gateways, func(g netip.Prefix) bool { return g.Addr().Is4() == other.Addr().Is4() }) {
			address = other
			break
		}
	}
	return "http://" + address.String()
}

// attach gives a process's network namespace the machine's network card by a name, on the
// bridge of a network of vSphere in which the router has some addresses. It
// returns the name of the other end.
func (f *fabric) attach(network string, router []netip.Prefix, pid int, card, mac string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bridge(network)
	if err != nil {
		return "", fmt.Errorf("network %q: %w", network, err)
	}
	for _, address := range router {
		if err := f.addRouter(b, address); err != nil {
			return "", fmt.Errorf("router in network %q: %w", network, err)
		}
	}
	f.wires++
	end := fmt.Sprintf("%s%d", wirePrefix, f.wires)
	if err := f.ip(
		fmt.Sprintf("link add %s type veth peer name %s address %s netns %d", end, card, mac, pid),
		fmt.Sprintf("link set %s master %s up", end, b.device),
	); err != nil {
		_ = f.ip("link delete " + end)
		return "", fmt.Errorf("network card: %w", err)
	}
	return end, nil
}

// addRouter gives the router an address on a bridge. F.mu is held.
func (f *fabric) addRouter(b *bridge, address netip.Prefix) error {
	if slices.ContainsFunc(b.addresses, func(have netip.Prefix) bool { return have.Addr() == address.Addr() }) {
		return nil
	}
	if err := f.ip(addressAdd(address, b.device)); err != nil {
		return err
	}
	b.addresses = append(b.addresses, address)
	return nil
}

// bridge finds or makes the bridge of a network. F.mu is held.
func (f *fabric) bridge(network string) (*bridge, error) {
	if b := f.bridges[network]; b != nil {
		return b, nil
	}
	b := &bridge{device: fmt.Sprintf("net%d", len(f.bridges)+1)}
	// With an address of its own: a bridge without one takes that of a port, and
	// the gateway's would change as machines come and go.
	sum := sha256.Sum256([]byte(network))
	if err := f.ip(
		fmt.Sprintf("link add %s address 02:50:56:%02x:%02x:%02x type bridge", b.device, sum[0], sum[1], sum[2]),
		fmt.Sprintf("link set %s up", b.device),
	); err != nil {
		return nil, err
	}
	f.bridges[network] = b
	return b, nil
}

// detach removes a network card, both of its ends. One that is gone is fine.
func (f *fabric) detach(end string) {
	if end != "" {
		_ = f.ip("link delete " + end)
	}
}
