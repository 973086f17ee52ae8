package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

var errLeftovers = errors.New("the inventory is not clean")

// ledgerMark is the tag that marks the ledger's category. It belongs to the
// category and is never deleted before it: other clusters' records may come any time.
const ledgerMark = "!gantry"

// runLeftovers is the subcommand leftovers: it prints what a running simulator
// holds beyond its initial inventory, and fails if there is anything.
func runLeftovers(args []string) error {
	flags := flag.NewFlagSet("leftovers", flag.ContinueOnError)
	control := flags.String("control", os.Getenv("GANTRY_SIMULATOR_CONTROL"),
		"`URL` of the control API; default: GANTRY_SIMULATOR_CONTROL")
	if err := flags.Parse(args); err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	state, err := simulator.NewControl(*control).State(ctx)
	if err != nil {
		return fmt.Errorf("unable to read the simulator's state: %w", err)
	}
	return printLeftovers(os.Stdout, state)
}

func printLeftovers(out io.Writer, state simulator.State) error {
	left := false
	for _, kind := range []struct {
		name  string
		names []string
	}{
		{"VM", state.Leftovers.VMs},
		{"folder", state.Leftovers.Folders},
		{"ledger tag", state.Leftovers.Tags},
		{"placement rule", state.Leftovers.Rules},
		{"destroyed disk that was not Gantry's", state.DestroyedForeignDisks},
	} {
		for _, name := range kind.names {
			if name == ledgerMark {
				continue
			}
			fmt.Fprintf(out, "%s: %s\n", kind.name, name)
			left = true
		}
	}
	if n := state.Sessions.SOAP + state.Sessions.REST; n > 0 {
		fmt.Fprintf(out, "sessions: %d SOAP, %d REST\n", state.Sessions.SOAP, state.Sessions.REST)
		left = true
	}
	if left {
		return errLeftovers
	}
	fmt.Fprintf(out, "clean: no VM, folder, ledger tag, placement rule or session is left,\n"+
		"only the ledger's empty category (%d vCenter calls in total)\n", state.Calls.Total)
	return nil
}
