//go:build !linux

// Command gantry-guest is the inside of a simulated virtual machine, which is
// made of namespaces of the Linux kernel.
package main

import (
	"fmt"
	"os"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "exceptions" {
		guestos.PrintExceptions(os.Stdout)
		return
	}
	fmt.Fprintln(os.Stderr, "gantry-guest: machines are made of Linux namespaces: this runs on Linux only")
	os.Exit(1)
}
