package guestos

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// runKubelet becomes the real kubelet, with the exceptions of the table. They are not in a
// drop-in: a load balancer has one of its own, whose command is another.
func runKubelet(arguments []string) int {
	d := Borrowed
	if exists(containerManager) {
		d = Whole
	}
	program := filepath.Join(commandDirectory, "kubelet")
	err := unix.Exec(program, append(append([]string{"kubelet"}, arguments...), kubeletFlags(d)...), os.Environ())
	fmt.Fprintln(os.Stderr, "kubelet (stand-in):", err)
	return 1
}
