// Gantry-simulator runs a simulated datacenter in the foreground and prints
// what a shell needs to use it:
//
//	gantry-simulator -env-file demo.env &
//	. ./demo.env
//	terraform apply
//
// Two subcommands inspect the result: nodes lists the nodes of a cluster
// from its kubeconfig, leftovers what is there beyond the initial inventory. A
// third, check, reports why machines that run real Kubernetes can't run here.
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

// runCheck is the subcommand check: it fails where -real would fail on this
// host, whether or not the binaries are built.
func runCheck(args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q", args[0])
	}
	return machine.CheckHost("")
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
	cleanup, err := s.publish(sim, stdout)
	defer cleanup()
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "simulated datacenter: vCenter %s, guest network through %s, control %s\n",
		sim.URL(), sim.ProxyURL(), sim.ControlURL())
	if recorded := sim.Recorded(); recorded != "" {
		fmt.Fprintln(stderr, recorded)
	}

	select {
	case <-ctx.Done():
	case <-sim.Done():
	}
	fmt.Fprintln(stderr, "simulated datacenter: stopped")
	return nil
}

// publish writes the certificate authority and the environment, and returns
// the removal of its files, also with an error.
func (s *settings) publish(sim *simulator.Simulator, stdout io.Writer) (cleanup func(), err error) {
	var files []string
	cleanup = func() {
		for _, file := range files {
			_ = os.RemoveAll(file)
		}
	}

	if s.caFile == "" {
		dir, err := os.MkdirTemp("", "gantry-simulator-ca-")
		if err != nil {
			return cleanup, fmt.Errorf("directory of the certificate authority: %w", err)
		}
		files = append(files, dir)
		s.caFile = filepath.Join(dir, "ca.pem")
	}
	if err := os.WriteFile(s.caFile, []byte(sim.CACertificate()), 0o644); err != nil {
		return cleanup, fmt.Errorf("certificate authority: %w", err)
	}

	env := sim.Environment()
	if env["GANTRY_CA_CERTIFICATE"], err = filepath.Abs(s.caFile); err != nil {
		return cleanup, fmt.Errorf("certificate authority: %w", err)
	}
	exports := shellExports(env)
	if s.envFile != "" {
		if err := writeAtomically(s.envFile, exports); err != nil {
			return cleanup, err
		}
		files = append(files, s.envFile)
	}
	if _, err := io.WriteString(stdout, exports); err != nil {
		return cleanup, fmt.Errorf("print the environment: %w", err)
	}
	return cleanup, nil
}

// shellExports returns export commands for a POSIX shell.
func shellExports(env map[string]string) string {
	var lines strings.Builder
	for _, key := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&lines, "export %s='%s'\n", key, strings.ReplaceAll(env[key], "'", `'\''`))
	}
	return lines.String()
}

// writeAtomically writes a file that no reader sees incomplete. It holds a password.
func writeAtomically(name, content string) error {
	part := name + ".part"
	if err := os.WriteFile(part, []byte(content), 0o600); err != nil {
		return fmt.Errorf("environment file: %w", err)
	}
	if err := os.Rename(part, name); err != nil {
		return fmt.Errorf("environment file: %w", err)
	}
	return nil
}
