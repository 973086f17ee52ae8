package machine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// run makes everything that a machine needs, runs its first process to the end,
// and unmakes all but the disk.
func (m *machine) run(c *cycle, vm guest.VM) error {
	if !safeID.MatchString(vm.ID) {
		return fmt.Errorf("%q can't be the name of a directory", vm.ID)
	}
	config, err := m.configure(c, vm)
	if err != nil {
		return err
	}
	shut, err := m.openBackdoor(c, config.Tools)
	if err != nil {
		return fmt.Errorf("back door: %w", err)
	}
	defer shut()
	hs := m.world.groups
	group := []string{m.world.name, vm.ID}
	defer func() {
		if err := hs.remove(patience, group...); err != nil {
			m.console.printf("[host] %v", err)
		}
	}()
	if err := hs.create(group...); err != nil {
		return err
	}
	first, err := m.spawn(filepath.Join(m.dir, configFile))
	if err != nil {
		return fmt.Errorf("first process: %w", err)
	}
	if err := m.connect(c, vm, first); err != nil {
		first.kill(hs, group...)
		return err
	}
	defer m.disconnect(c, first)
	first.release()
	select {
	case <-first.ended:
		if first.err != nil || vm.System == "" || vm.PowerOff == nil {
			return first.exitError()
		}
		m.console.printf("[host] %s powers itself off", vm.Name)
		vm.PowerOff()
		<-c.ctx.Done()
	case <-c.ctx.Done():
	}
	// First the wire: a peer of a machine that loses its power receives
	// nothing, not even an end.
	m.cut(first)
	if !first.kill(hs, group...) {
		m.console.printf("[host] processes of %s are alive %s after SIGKILL", vm.Name, patience)
	}
	return c.ctx.Err()
}

const (
	configFile = "config.json"
	// searchPath is that of a login as root.
	searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// configure makes the directories of a machine and writes what its first process
// is to know.
func (m *machine) configure(c *cycle, vm guest.VM) (wire.Config, error) {
	var content image
	// A whole system may have none, until it is installed.
	if vm.KubernetesVersion != guest.NoKubernetes || vm.System == "" {
		var err error
		if content, err = imageOf(c.ctx, m.world.options.Binaries, vm.KubernetesVersion); err != nil {
			return wire.Config{}, err
		}
	}
	system, known := m.world.options.Systems[vm.System]
	if vm.System != "" && !known {
		return wire.Config{}, fmt.Errorf("no system %q is known here that this VM's image could hold", vm.System)
	}
	config := wire.Config{
		Name:              vm.Name,
		Disk:              filepath.Join(m.dir, "disk"),
		Root:              filepath.Join(m.dir, "root"),
		Guest:             m.world.options.Guest,
		System:            system,
		KubernetesVersion: strings.TrimPrefix(vm.KubernetesVersion, guest.NoKubernetes),
		Commands:          content.commands,
		CNI:               cniDirectory,
		PauseImage:        content.pause,
		Registry:          m.world.fabric.registryURL(gatewaysOf(vm)),
		Tools:             filepath.Join(m.dir, "rpc"),
	}
	if err := m.copyDisk(c, vm, config.Disk); err != nil {
		return config, fmt.Errorf("the disk of a clone: %w", err)
	}
	for _, dir := range []string{config.Disk, config.Root, config.Tools} {
		// Others than root live on the disk.
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return config, err
		}
	}
	text, err := json.MarshalIndent(config, "", "\t")
	if err != nil {
		return config, err
	}
	return config, os.WriteFile(filepath.Join(m.dir, configFile), text, 0o644)
}

func (m *machine) openBackdoor(c *cycle, dir string) (shut func(), err error) {
	// The path of a socket has to be short; this one is, wherever the home is.
	at, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = at.Close() }()
	path := fmt.Sprintf("/proc/self/fd/%d/%s", at.Fd(), wire.Socket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	listener.SetUnlinkOnClose(false) // by then the number means another file
	door := &backdoor{
		get:     m.get,
		set:     func(key, value string) { m.set(c, key, value) },
		network: func(reported wire.Network) error { return m.networkReported(c, reported) },
	}
	return door.open(listener), nil
}

// process is the first process of a machine.
type process struct {
	cmd   *exec.Cmd
	gate  *os.File // what it waits for
	wire  string
	ended chan struct{} // closed once it is gone, and with it all in its namespaces
	err   error         // valid then
}

// Until the gate opens, the first process is a shell that waits for it: it has
// to be in its control groups when it makes their namespace, and its network
// card has to be there. A mount namespace made at the fork would share the
// host's propagation; unshare(1) cuts it.
const waitAtGate = `read -r open && exec "$@" </dev/null`

func (m *machine) spawn(config string) (*process, error) {
	inside, gate, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = inside.Close() }()
	cmd := exec.Command("/bin/sh", "-c", waitAtGate, "sh",
		"unshare", "--mount", "--propagation", "private", "--cgroup", "--", m.world.options.Guest, "init", config)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + searchPath, "LANG=C.UTF-8"}
	cmd.Stdin = inside
	cmd.Stdout = m.console
	cmd.Stderr = m.console
	// All writers are dead when Wait starts to wait for the output.
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Pdeathsig:  unix.SIGKILL,
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	if err := m.world.fabric.start(cmd); err != nil {
		_ = gate.Close()
		return nil, err
	}
	p := &process{cmd: cmd, gate: gate, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// connect gives the first process what makes it a machine, while it waits.
func (m *machine) connect(c *cycle, vm guest.VM, first *process) error {
	pid := first.cmd.Process.Pid
	space, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	m.world.mu.Lock()
	c.pid = pid
	c.space = space
	m.world.mu.Unlock()
	gateways := gatewaysOf(vm)
	lease := wantsLease(vm)
	switch router := routerOf(vm); {
	case lease && router.IsValid():
		gateways = append(gateways, router)
		if err := m.world.fabric.serveLeases(vm.Network, router, m.world.home); err != nil {
			m.console.printf("[host] no server of DHCP answers on network %q: %v", vm.Network, err)
		}
	case lease:
		m.console.printf("[host] no server of DHCP answers on network %q: its addressing is not known", vm.Network)
	}
	if len(gateways) == 0 {
		m.console.printf("[host] no gateway answers on network %q: the VM's metadata names none that could", vm.Network)
	}
	err = m.world.groups.join(pid, m.world.name, vm.ID)
	if err == nil {
		first.wire, err = m.world.fabric.attach(vm.Network, append(gateways, nameserversOf(vm)...), pid, cardOf(vm), vm.MAC)
	}
	if err != nil {
		m.disconnect(c, first)
	}
	return err
}

// cardOf is the name of a VM's network card when it boots.
func cardOf(vm guest.VM) string {
	if vm.System != "" {
		return wire.UnnamedInterface
	}
	return wire.Interface
}

func (m *machine) cut(first *process) {
	m.world.fabric.detach(first.wire)
	first.wire = ""
}

func (m *machine) disconnect(c *cycle, first *process) {
	m.cut(first)
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	_ = c.space.Close()
	c.pid = 0
	c.space = nil
}

// release lets the first process begin.
func (p *process) release() {
	_, _ = p.gate.WriteString("open\n") // one that is dead is noticed soon
	_ = p.gate.Close()
}

// kill takes the power away, and reports whether all processes are gone.
func (p *process) kill(hs hierarchies, group ...string) bool {
	_ = p.gate.Close()
	deadline := time.After(patience)
	for {
		// Its death kills all in its namespace, but frozen ones die only thawed.
		_ = p.cmd.Process.Kill()
		hs.thaw(group...)
		select {
		case <-p.ended:
			return true
		case <-deadline:
			return false
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// exitError returns the exit of a first process that was not killed.
func (p *process) exitError() error {
	return fmt.Errorf("the machine's first process ended: %w", cmp.Or(p.err, errors.New("exit status 0")))
}
