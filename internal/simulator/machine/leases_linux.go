package machine

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// leaseServer is dnsmasq on the bridge of one network: it gives leases, and is the DNS server
// that knows the names of those who have one.
type leaseServer struct {
	router netip.Prefix
	cmd    *exec.Cmd
	ended  chan struct{}
}

// wantsLease reports whether a VM's metadata has it take a lease.
func wantsLease(vm guest.VM) bool {
	// As for gateways: errors are for the machine itself to find.
	instance, _ := cloudinit.Read(vm.GuestInfo, vm.MAC)
	return instance != nil && instance.Network.DHCP4
}

// routerOf is the address of the router in a network whose machines take leases; zero where
// the addressing of the network is not known.
func routerOf(vm guest.VM) netip.Prefix {
	segment := vm.Segment
	if !segment.IsValid() || !segment.Addr().Is4() || segment.Bits() > 24 {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(segment.Masked().Addr().Next(), segment.Bits())
}

// leased are how many leases a network has, at the end of its segment.
const leased = 200

// leaseRange are the first and the last of them. They leave the broadcast address.
func leaseRange(segment netip.Prefix) (first, last netip.Addr) {
	b := segment.Masked().Addr().As4()
	number := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	end := number + 1<<(32-segment.Bits()) - 2
	at := func(n uint32) netip.Addr {
		return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	return at(end - leased + 1), at(end)
}

// serveLeases starts the server of a network, if it does not run, and gives the router its
// address there.
func (f *fabric) serveLeases(network string, router netip.Prefix, home string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, err := f.bridge(network)
	if err != nil {
		return err
	}
	if b.leases != nil {
		return nil
	}
	if err := f.addRouter(b, router); err != nil {
		return err
	}
	program, err := exec.LookPath("dnsmasq")
	if err != nil {
		return err
	}
	first, last := leaseRange(router.Masked())
	cmd := exec.Command(program, "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--log-facility=/dev/null",
		"--no-hosts", "--no-resolv", "--no-ping", "--bind-interfaces", "--except-interface=lo", "--interface="+b.device,
		"--dhcp-authoritative", "--dhcp-range="+first.String()+","+last.String()+",12h",
		"--dhcp-leasefile="+filepath.Join(home, b.device+".leases"), "--domain="+wire.Domain, "--local=/"+wire.Domain+"/")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := f.start(cmd); err != nil {
		return fmt.Errorf("dnsmasq: %w", err)
	}
	server := &leaseServer{router: router, cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(server.ended)
	}()
	b.leases = server
	return nil
}

// endLeases ends all servers.
func (f *fabric) endLeases() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.bridges {
		if b.leases != nil {
			_ = b.leases.cmd.Process.Kill()
			<-b.leases.ended
			b.leases = nil
		}
	}
}

// leaseServers are the addresses of all servers.
func (f *fabric) leaseServers() []netip.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	var servers []netip.Addr
	for _, b := range f.bridges {
		if b.leases != nil {
			servers = append(servers, b.leases.router.Addr())
		}
	}
	return servers
}

// dnsPatience is what a look-up may take: the servers are on this host.
const dnsPatience = 2 * time.Second

// resolve asks the DNS servers of the networks for a host.
func (w *World) resolve(host string) (netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return address, nil
	}
	for _, server := range w.fabric.leaseServers() {
		ctx, cancel := context.WithTimeout(w.ctx, dnsPatience)
		resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return w.fabric.dial(ctx, netip.AddrPortFrom(server, 53).String())
		}}
		found, err := resolver.LookupNetIP(ctx, "ip4", strings.TrimSuffix(host, ".")+".")
		cancel()
		if err == nil && len(found) > 0 {
			return found[0].Unmap(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("lookup %s: no such host", host)
}
