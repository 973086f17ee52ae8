// Command gantry-guest is the inside of a simulated virtual machine: its first
// process, and every program of it that has a stand-in.
package main

import (
	"os"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

func main() { os.Exit(guestos.Main(os.Args)) }
