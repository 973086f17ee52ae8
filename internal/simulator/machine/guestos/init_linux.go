package guestos

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// runInit is the machine's first process. It ends only with the machine.
func runInit(arguments []string) int {
	if len(arguments) != 1 {
		fmt.Fprintln(os.Stderr, "usage: gantry-guest init <config.json>")
		return 2
	}
	console := newConsole(os.Stdout)
	console.printf("gantry-guest: the machine boots")
	if err := boot(console, arguments[0]); err != nil {
		console.printf("gantry-guest: panic: %v", err)
		return 1
	}
	select {}
}

// boot takes the machine from its first process to all of its services. What
// goes wrong after the root file system is there is on the console, and the
// machine stays up, as a real one would.
func boot(console *console, path string) error {
	if os.Getpid() != 1 {
		return errors.New("init is for the first process of a namespace of process ids")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var config wire.Config
	if err := json.Unmarshal(text, &config); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	unix.Umask(0o022)
	d := distributionOf(config)
	root := build
	if d == Whole {
		root = buildWhole
	}
	if err := root(config); err != nil {
		return err
	}
	if err := pivot(config.Root); err != nil {
		return err
	}
	if err := dropCapabilities(d); err != nil {
		return err
	}
	if d == Whole {
		return becomeSystemd()
	}
	if err := joinGroup("init.scope"); err != nil {
		return err
	}
	// A machine is switched off by its hypervisor, not by signals.
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE)
	reaper := newReaper()
	go reaper.run()
	m := newManager("/", console, reaper)
	if err := m.serve(); err != nil {
		return err
	}
	if err := m.collectSyslog(); err != nil {
		return err
	}
	if name, err := os.ReadFile("/etc/hostname"); err == nil {
		err = unix.Sethostname([]byte(strings.TrimSpace(string(name))))
		if err != nil {
			return fmt.Errorf("host name: %w", err)
		}
	}
	go reportNetwork(newBackdoor(filepath.Join(toolsDirectory, wire.Socket)), console, wire.Interface)
	go console.follow("bootstrap", "/var/log/gantry-bootstrap.log")
	m.boot()
	return nil
}

// boot starts what systemd would, in the order of the units' dependencies.
func (m *manager) boot() {
	// Read before anything can change them, as systemd does.
	services := wanted(m.root)
	for _, name := range services {
		if _, err := m.unit(name); err != nil {
			m.console.printf("systemd: %v", err)
		}
	}
	m.stage("cloud-init-local.service")
	m.network()
	m.stage("cloud-init.service")
	started := make(chan struct{})
	go func() {
		defer close(started)
		for _, name := range services {
			if err := m.service(name).start(); err == nil {
				m.console.printf("systemd: started %s", name)
			}
		}
	}()
	m.stage("cloud-config.service")
	<-started
	m.stage("cloud-final.service")
	m.console.printf("systemd: boot finished")
}

// stage runs a part of cloud-init to its end. A failed one holds nothing up.
func (m *manager) stage(name string) {
	begin := time.Now()
	if err := m.service(name).start(); err == nil {
		m.console.printf("systemd: finished %s in %.1f s", name, time.Since(begin).Seconds())
	}
}

// network does what networkd does with the files that netplan generates.
func (m *manager) network() {
	output, err := m.console.pipe("network")
	if err == nil {
		err = m.call(output, "/usr/sbin/netplan", "apply")
		_ = output.Close()
	}
	if err != nil {
		m.console.printf("network: not configured: %v", err)
	}
}

// call runs a program to its end.
func (m *manager) call(output *os.File, arguments ...string) error {
	child, err := m.reaper.start(execution{Arguments: arguments, Environment: baseEnvironment(), Group: "system.slice"}, output)
	if err != nil {
		return err
	}
	<-child.done
	return exitError(child.status)
}
