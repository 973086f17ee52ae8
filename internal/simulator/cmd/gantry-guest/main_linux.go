// Command gantry-guest is the inside of a simulated virtual machine: its first
// process, and every program of it that has a stand-in.
package main

import (
	"os"
	"runtime"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

// The main thread is for what becomes systemd: that the kernel kills it with its parent
// is set on this thread only.
func init() { runtime.LockOSThread() }

func main() { os.Exit(guestos.Main(os.Args)) }
