package guest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

const (
	keyPhase = "guestinfo.gantry.phase"
	keyLog   = "guestinfo.gantry.log"

	bootstrapScript = "/etc/gantry/bootstrap.sh"
	kubeadmFile     = "/etc/gantry/kubeadm.yaml"
)

// guest is one machine. Its fields belong to World.mu unless they say else.
type guest struct {
	world   *World
	vm      VM
	halt    context.CancelFunc // nil while the machine is off
	phase   Phase
	failure string
	console console
	disk    disk

	// While the machine runs.
	hostname  string
	addresses []netip.Addr
	endpoint  *endpoint // its own API endpoint
	kubelet   bool

	tools sync.Mutex // orders SetNetwork calls; taken before World.mu
}

// disk is what outlives a power cycle.
type disk struct {
	// instance is set once the bootstrap script has started: it never starts
	// again, however it ended.
	instance *cloudinit.Instance
	node     *node
}

// errOff ends a boot that a power-off interrupted.
var errOff = errors.New("powered off")

// run is one power cycle, from firmware to a machine that needs nothing more.
func (g *guest) run(ctx context.Context) {
	err := g.boot(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	g.log("%v", err)
	g.set(ctx, PhaseFailed, err)
}

func (g *guest) boot(ctx context.Context) error {
	g.world.mu.Lock()
	inst := g.disk.instance
	g.world.mu.Unlock()
	if inst == nil {
		g.set(ctx, PhaseBooting, nil)
	}
	if !sleep(ctx, g.world.options.BootDelay) {
		return errOff
	}
	if inst != nil {
		return g.resume(ctx, inst)
	}
	inst, err := cloudinit.Read(g.vm.GuestInfo)
	if inst != nil {
		// Userdata goes before anything can fail over it.
		if changes := inst.CleanedUp(); len(changes) > 0 {
			g.report(ctx, changes)
		}
	}
	if err != nil {
		return fmt.Errorf("cloud-init: %w", err)
	}
	g.log("cloud-init: datasource DataSourceVMware [seed=guestinfo], instance %s", inst.InstanceID)
	if err := g.networkUp(ctx, inst); err != nil {
		return fmt.Errorf("cloud-init: network: %w", err)
	}
	verb, err := bootstrapVerb(inst)
	if err != nil {
		return fmt.Errorf("cloud-init: scripts_user: %w", err)
	}
	g.world.mu.Lock()
	g.disk.instance = inst
	g.world.mu.Unlock()
	g.set(ctx, PhaseKubeadm, nil)
	if err := g.runKubeadm(ctx, verb, inst); err != nil {
		return err
	}
	g.log("[gantry] bootstrap finished")
	g.set(ctx, PhaseJoined, nil)
	return nil
}

// bootstrapVerb finds the one command that bootstraps the node.
func bootstrapVerb(inst *cloudinit.Instance) (string, error) {
	verb := ""
	for _, command := range inst.RunCommands {
		if command[0] != bootstrapScript {
			continue
		}
		if verb != "" {
			return "", fmt.Errorf("runcmd runs %s twice", bootstrapScript)
		}
		if len(command) != 2 || (command[1] != "init" && command[1] != "join") {
			return "", fmt.Errorf("usage: %s init|join", bootstrapScript)
		}
		verb = command[1]
	}
	if verb == "" {
		return "", fmt.Errorf("runcmd does not run %s: nothing would bootstrap this node", bootstrapScript)
	}
	script, ok := inst.Files[bootstrapScript]
	switch {
	case !ok:
		return "", fmt.Errorf("%s: not found", bootstrapScript)
	case script.Mode&0o100 == 0:
		return "", fmt.Errorf("%s: Permission denied (mode %#o)", bootstrapScript, script.Mode)
	case len(script.Content) < 2 || string(script.Content[:2]) != "#!":
		return "", fmt.Errorf("%s: Exec format error", bootstrapScript)
	}
	return verb, nil
}

func (g *guest) runKubeadm(ctx context.Context, verb string, inst *cloudinit.Instance) error {
	file, ok := inst.Files[kubeadmFile]
	if !ok {
		return fmt.Errorf("unable to read config from %q: no such file or directory", kubeadmFile)
	}
	var tool kubeadm.Version
	if g.vm.KubernetesVersion != "" {
		var err error
		if tool, err = kubeadm.ParseVersion(g.vm.KubernetesVersion); err != nil {
			return fmt.Errorf("this image: %w", err)
		}
	}
	if verb == "init" {
		return g.kubeadmInit(ctx, inst, file.Content, tool)
	}
	return g.kubeadmJoin(ctx, inst, file.Content, tool)
}

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
	inst.Network.Addresses, g.hostname = prefixes, inst.Hostname
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

// resume is a boot after the first: the same instance, so cloud-init brings
// up the network and runs nothing.
func (g *guest) resume(ctx context.Context, inst *cloudinit.Instance) error {
	if err := g.networkUp(ctx, inst); err != nil {
		return fmt.Errorf("cloud-init: network: %w", err)
	}
	g.world.mu.Lock()
	n := g.disk.node
	var err error
	if n != nil && ctx.Err() == nil {
		err = g.start()
	}
	g.world.mu.Unlock()
	if n == nil || err != nil {
		return err
	}
	// A kubelet registers its node when it starts, once the API answers.
	for n.cluster.healthy() != nil {
		if !sleep(ctx, pollInterval) {
			return errOff
		}
	}
	if _, err := n.cluster.store.Create(kubeapi.Nodes, n.registration()); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

// start runs kubelet and, on a control plane, the API server. World.mu is held.
func (g *guest) start() error {
	n := g.disk.node
	if n.controlPlane {
		e, err := n.cluster.serve(n.advertise, n.serving)
		if err != nil {
			return err
		}
		g.endpoint = e
	}
	g.kubelet = true
	n.cluster.settle()
	return nil
}

// stop is a power-off. World.mu is held.
func (w *World) stop(g *guest) {
	if g.halt == nil {
		return
	}
	g.halt()
	g.halt, g.kubelet = nil, false
	for _, addr := range g.addresses {
		w.network.Release(addr, g.owner())
	}
	g.addresses = nil
	g.endpoint.close()
	g.endpoint = nil
	if n := g.disk.node; n != nil {
		n.cluster.settle()
	}
}

// publish tells the guest tools what addresses the machine has now.
func (g *guest) publish() {
	g.tools.Lock()
	defer g.tools.Unlock()
	g.world.mu.Lock()
	addresses := slices.Clone(g.addresses)
	name, tell := g.hostname, g.vm.SetNetwork
	off := g.halt == nil
	if n := g.disk.node; n != nil && n.controlPlane && n.cluster.holder == g {
		addresses = append(addresses, n.cluster.vip.Addr())
	}
	g.world.mu.Unlock()
	if tell != nil && !off && len(addresses) > 0 {
		tell(addresses, name)
	}
}

// set moves to a phase and reports it with the log.
func (g *guest) set(ctx context.Context, phase Phase, err error) {
	g.world.mu.Lock()
	if ctx.Err() != nil {
		g.world.mu.Unlock()
		return
	}
	g.phase = phase
	if err != nil {
		g.failure = err.Error()
	}
	tail := g.console.Tail()
	g.world.mu.Unlock()
	g.report(ctx, map[string]string{keyPhase: string(phase), keyLog: tail})
}

func (g *guest) report(ctx context.Context, changes map[string]string) {
	if g.vm.Report != nil && ctx.Err() == nil {
		g.vm.Report(maps.Clone(changes))
	}
}

func (g *guest) log(format string, args ...any) {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	g.console.Print(fmt.Sprintf(format, args...))
}

// sleep waits and tells whether the machine is still on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
