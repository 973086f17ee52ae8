package guest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
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

// run runs one power cycle, from firmware to a machine that needs nothing more.
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
