package guest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/etcd"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
)

const (
	keyPhase = "guestinfo.gantry.phase"
	keyLog   = "guestinfo.gantry.log"

	bootstrapScript = "/etc/gantry/bootstrap.sh"
	kubeadmFile     = "/etc/gantry/kubeadm.yaml"
	versionFile     = "/etc/gantry/kubernetes-version"
)

// guest is one machine. Its fields belong to World.mu unless they say else.
type guest struct {
	world   *World
	vm      VM
	halt    context.CancelFunc // nil while the machine is off
	ended   chan struct{}      // closed when the last power cycle has ended
	phase   Phase
	failure string
	console console
	disk    disk
	images  map[string]bool // that its disk has; World.pulling's

	// While the machine runs.
	hostname  string
	addresses []netip.Addr
	endpoint  *endpoint // its own API endpoint
	balancer  *balancer // HAProxy, where it runs
	kubelet   bool
	hangs     bool              // its kubelet has been stopped
	member    *etcd.Member      // of etcd, where it runs
	podsAt    time.Time         // when its static pods can be Ready
	crashing  map[string]string // the static pods that end again and again, and why
	problems  map[string]string // the conditions that its kubelet reports, and their messages

	tools sync.Mutex // orders SetNetwork calls; taken before World.mu
}

// disk is what outlives a power cycle.
type disk struct {
	// instance is set once cloud-init has run its commands: it never runs them again.
	instance *cloudinit.Instance
	unit     *unit // which the commands started
	// initStarted says that kubeadm init has begun. It never does a second time.
	initStarted bool
	node        *node
	// member is its part of etcd, where etcd runs, from its join on, and evicted that it
	// was removed.
	member  *etcd.Disk
	joining *cluster // whose etcd that is
	evicted bool
	// ran are the commands that have been run, which are removed then, and made the files that
	// a person has made.
	ran, made map[string]bool
	// lease is the one that it bootstrapped with, and leaseChanged that it had another.
	lease        netip.Prefix
	leaseChanged bool
	// backends are those of a load balancer, as they arrived last.
	backends string
}

// errOff ends a boot that a power-off interrupted.
var errOff = errors.New("powered off")

// run runs one power cycle, from firmware to a machine that needs nothing more.
func (g *guest) run(ctx context.Context) {
	err := g.boot(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	g.log("%v", err)
	if errors.Is(err, errPostBootstrap) {
		g.set(ctx, PhasePostFailed, err)
		return
	}
	if g.initBegan() {
		g.set(ctx, PhaseInitFailed, err)
		return
	}
	g.set(ctx, PhaseFailed, err)
}

// initBegan reports whether kubeadm init has come so far on the machine that there is an API
// server.
func (g *guest) initBegan() bool {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	return g.disk.initStarted && g.disk.node != nil
}

// starting is the phase of a machine that boots, or that its bootstrap begins with; another one
// where it has joined or has an API server.
func (g *guest) starting(first Phase) Phase {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if n := g.disk.node; n != nil && (n.joined || g.disk.initStarted) {
		return PhaseResuming
	}
	return first
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
	inst, err := cloudinit.Read(g.vm.GuestInfo, g.vm.MAC)
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
	if err := checkLeaseDocuments(inst); err != nil {
		return err
	}
	unit, err := startedUnit(inst)
	if err != nil {
		return fmt.Errorf("cloud-init: scripts_user: %w", err)
	}
	g.world.mu.Lock()
	g.disk.instance = inst
	g.disk.unit = unit
	g.world.mu.Unlock()
	return g.bootstrap(ctx)
}

// bootstrap is the script, at the first boot or at one after the loss of power.
func (g *guest) bootstrap(ctx context.Context) error {
	g.world.mu.Lock()
	inst, verb := g.disk.instance, g.disk.unit.verb
	begun := g.disk.initStarted
	g.disk.initStarted = begun || verb == "init"
	g.world.mu.Unlock()
	same := g.useLease(ctx, inst)
	if verb == "balance" {
		return g.balance(ctx, inst)
	}
	if verb == buildVerb {
		return g.build(ctx, inst)
	}
	if !same && inst.Has(renewalScript) {
		return errors.New("the lease changed over the bootstrap: the node has to be replaced")
	}
	g.set(ctx, g.starting(PhaseKubeadm), nil)
	if begun {
		return errors.New("kubeadm init was started here before and did not end well: the node has to be replaced")
	}
	if err := g.runCommands(ctx, inst, preBootstrap); err != nil {
		return err
	}
	if err := g.runKubeadm(ctx, verb, inst); err != nil {
		return err
	}
	if err := g.renew(); err != nil {
		g.log("when the certificates end could not be told: %v", err)
	}
	if err := g.postBootstrap(ctx, inst); err != nil {
		return err
	}
	g.log("[gantry] bootstrap finished")
	g.set(ctx, PhaseJoined, nil)
	return nil
}

func (g *guest) runKubeadm(ctx context.Context, verb string, inst *cloudinit.Instance) error {
	file, ok := inst.Files[kubeadmFile]
	if !ok {
		return fmt.Errorf("unable to read config from %q: no such file or directory", kubeadmFile)
	}
	var tool kubeadm.Version
	if g.vm.KubernetesVersion == NoKubernetes {
		return errors.New("kubeadm: command not found")
	}
	if g.vm.KubernetesVersion != "" {
		var err error
		if tool, err = kubeadm.ParseVersion(g.vm.KubernetesVersion); err != nil {
			return fmt.Errorf("this image: %w", err)
		}
	}
	// As the script does before kubeadm runs.
	if file, ok := inst.Files[versionFile]; ok && tool != (kubeadm.Version{}) {
		wanted, err := kubeadm.ParseVersion(strings.TrimSpace(string(file.Content)))
		if err == nil && !wanted.SameMinor(tool) {
			return fmt.Errorf("the node image is for Kubernetes v%s, the node is to be of v%s: choose an image of the node's version", tool, wanted)
		}
	}
	if verb == "init" {
		return g.kubeadmInit(ctx, inst, file.Content, tool)
	}
	return g.tryToJoin(ctx, inst, file.Content, tool)
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

// sleep waits and reports whether the machine is still on.
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
