// Command standin is the stand-ins without the rest of a guest, for the images of tests.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/standin"
)

func main() {
	name := filepath.Base(os.Args[0])
	run, found := standin.Applets[name]
	if !found {
		fmt.Fprintln(os.Stderr, name, "is no stand-in")
		os.Exit(127)
	}
	os.Exit(run(os.Args[1:]))
}
