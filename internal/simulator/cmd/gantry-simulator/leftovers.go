package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// errLeft is answered when something was left behind.
var errLeft = errors.New("something was left behind")

// ledgerMark is the tag that marks the ledger's category. It belongs to the
// category and stays as long: other clusters' records may come any time.
const ledgerMark = "!gantry"

// runLeftovers is the subcommand leftovers: it asks a running simulator what is
// there beyond the inventory it started with, and fails if anything is.
func runLeftovers(args []string) error {
	flags := flag.NewFlagSet("leftovers", flag.ContinueOnError)
	control := flags.String("control", os.Getenv("GANTRY_SIMULATOR_CONTROL"), "`URL` of the control API; default: GANTRY_SIMULATOR_CONTROL")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, *control+"/state", nil)
	if err != nil {
		return fmt.Errorf("unable to ask the simulator: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("unable to ask the simulator: %w", err)
	}
	defer resp.Body.Close()
	var state simulator.State
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		return fmt.Errorf("unable to read the simulator's answer: %w", err)
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
		return errLeft
	}
	fmt.Fprintf(out, "no VM, folder, ledger tag, placement rule or session is left,\n"+
		"but the ledger's empty category (%d vCenter calls in all)\n", state.Calls.Total)
	return nil
}
