// Gantry-simulator runs a simulated datacenter in the foreground and prints
// what a shell needs to use it:
//
//	gantry-simulator -env-file demo.env &
//	. ./demo.env
//	terraform apply
//
// Two subcommands look at what came of it: nodes lists the nodes of a cluster
// from its kubeconfig, leftovers what is there beyond the initial inventory. A
// third, check, says why machines that run real Kubernetes can't run here.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "gantry-simulator:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "nodes":
			return runNodes(args[1:])
		case "leftovers":
			return runLeftovers(args[1:])
		case "check":
			return runCheck(args[1:])
		}
	}
	return run(ctx, args, os.Stdout, os.Stderr)
}

// settings are what the command line says.
type settings struct {
	simulator.Options
	envFile string
	caFile  string
	verbose bool
	real    machine.Options
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{Options: simulator.Options{Users: map[string]string{}}}
	flags := flag.NewFlagSet("gantry-simulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.Listen, "listen", "127.0.0.1:8989", "`host:port` of vCenter")
	flags.StringVar(&s.ProxyListen, "proxy-listen", "127.0.0.1:8990", "`host:port` of the HTTP CONNECT proxy into the guest network")
	flags.StringVar(&s.ControlListen, "control-listen", "127.0.0.1:8991", "`host:port` of the control API; whoever reaches it may do everything")
	flags.StringVar(&s.Username, "username", simulator.DefaultUsername, "user `name` of the provider's account")
	flags.StringVar(&s.Password, "password", simulator.DefaultPassword, "that account's `password`")
	flags.Func("user", "one more account, `name=password`; may be repeated", func(value string) error {
		name, password, ok := strings.Cut(value, "=")
		if !ok || name == "" {
			return errors.New("expected name=password")
		}
		s.Users[name] = password
		return nil
	})
	flags.StringVar(&s.Version, "version", simulator.DefaultVersion, "vCenter's `version`")
	flags.DurationVar(&s.Latency, "latency", 0, "`time` added to every vCenter call")
	flags.DurationVar(&s.TaskDuration, "task-duration", 0, "`time` that a task takes at least")
	flags.DurationVar(&s.BootDelay, "boot-delay", 0, "`time` that a guest takes to start")
	flags.Func("fault", "a `rule` such as refuse,call=CloneVM_Task,nth=2,fault=HostCommunication; kinds are refuse, fail-task, drop-before, drop-after, delay; may be repeated", func(value string) error {
		f, err := simulator.ParseFault(value)
		if err != nil {
			return err
		}
		s.Faults = append(s.Faults, f)
		return nil
	})
	runReal := flags.Bool("real", false, "boot machines that run real Kubernetes, in namespaces of Linux; needs root")
	flags.StringVar(&s.real.Guest, "guest-binary", "", "with -real: the `file` of gantry-guest, which every machine starts with")
	flags.StringVar(&s.real.Binaries, "binaries", "", "with -real: the `directory` of what internal/tools/build-kubernetes builds; default: where it puts it")
	flags.IntVar(&s.Inventory.HostsPerCluster, "hosts", 3, "`number` of hosts of each compute cluster")
	flags.Func("template", "one more node template with a snapshot, `name=Kubernetes version`; may be repeated", func(value string) error {
		name, version, ok := strings.Cut(value, "=")
		if !ok || name == "" || version == "" {
			return errors.New("expected name=version")
		}
		s.Inventory.Templates = append(s.Inventory.Templates, simulator.Template{Name: name, KubernetesVersion: version, Snapshot: true})
		return nil
	})
	flags.BoolVar(&s.Inventory.WithoutZoneTags, "without-zone-tags", false, "leave out the k8s-region and k8s-zone tags")
	flags.BoolVar(&s.Inventory.LedgerCategory, "ledger-category", false, "create the tag category gantry")
	flags.StringVar(&s.envFile, "env-file", "", "`file` that gets what is printed; it appears once the simulator answers")
	flags.StringVar(&s.caFile, "ca-file", "", "`file` that gets the certificate authority of vCenter's certificate; default: one in a temporary directory")
	flags.BoolVar(&s.verbose, "verbose", false, "show the log of vCenter's simulator")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !*runReal && (s.real.Guest != "" || s.real.Binaries != "") {
		return s, errors.New("-guest-binary and -binaries need -real")
	}
	if *runReal {
		s.Real = &s.real
		return s, s.locate()
	}
	return s, nil
}

// runCheck is the subcommand check: it fails where -real would, whatever is built.
func runCheck(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return machine.CheckHost("")
}

// locate finds the program that real machines start with.
func (s *settings) locate() error {
	if s.real.Guest == "" {
		return errors.New("-real needs -guest-binary")
	}
	var err error
	if s.real.Guest, err = filepath.Abs(s.real.Guest); err != nil {
		return fmt.Errorf("-guest-binary: %w", err)
	}
	return nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	log.SetOutput(stderr)
	if !s.verbose {
		log.SetOutput(io.Discard)
	}
	sim, err := simulator.Start(s.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sim.Close()) }()

	if s.caFile == "" {
		dir, err := os.MkdirTemp("", "gantry-simulator-ca-")
		if err != nil {
			return fmt.Errorf("directory of the certificate authority: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s.caFile = filepath.Join(dir, "ca.pem")
	}
	if err := os.WriteFile(s.caFile, []byte(sim.CACertificate()), 0o644); err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	env := sim.Environment()
	if env["GANTRY_CA_CERTIFICATE"], err = filepath.Abs(s.caFile); err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	exports := shellExports(env)
	if s.envFile != "" {
		if err := writeWhole(s.envFile, exports); err != nil {
			return err
		}
		defer func() { _ = os.Remove(s.envFile) }()
	}
	if _, err := io.WriteString(stdout, exports); err != nil {
		return fmt.Errorf("print the environment: %w", err)
	}
	fmt.Fprintf(stderr, "simulated datacenter: vCenter %s, guest network through %s, control %s\n", sim.URL(), sim.ProxyURL(), sim.ControlURL())

	select {
	case <-ctx.Done():
	case <-sim.Done():
	}
	fmt.Fprintln(stderr, "simulated datacenter: stopped")
	return nil
}

// shellExports are lines that a POSIX shell evaluates.
func shellExports(env map[string]string) string {
	var lines strings.Builder
	for _, key := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&lines, "export %s='%s'\n", key, strings.ReplaceAll(env[key], "'", `'\''`))
	}
	return lines.String()
}

// writeWhole writes a file that nobody sees half written. It holds a password.
func writeWhole(name, content string) error {
	part := name + ".part"
	if err := os.WriteFile(part, []byte(content), 0o600); err != nil {
		return fmt.Errorf("environment file: %w", err)
	}
	if err := os.Rename(part, name); err != nil {
		return fmt.Errorf("environment file: %w", err)
	}
	return nil
}
