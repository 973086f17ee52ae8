// Command gantry-guest is the inside of a simulated virtual machine: its first
// process, and every program of it that has a stand-in.
package main

import (
	"os"
	"runtime"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

// The first process has the main thread to itself: the kernel kills it with its parent
// by what is set on that thread, which another that became systemd would not have.
func init() { runtime.LockOSThread() }

func main() { os.Exit(guestos.Main(os.Args)) }
