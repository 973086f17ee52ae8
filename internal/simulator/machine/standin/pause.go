package standin

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// RunPause is the first process of a pod's sandbox: it holds the pod's namespaces, reaps
// what the pod's processes leave behind where they share the PID namespace, and ends on
// SIGTERM or SIGINT.
func RunPause([]string) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "pause: not the first process of its namespace, so that it can't reap")
	}
	// A child may have ended before the signal was caught.
	reap()
	for received := range signals {
		if received == syscall.SIGCHLD {
			reap()
			continue
		}
		fmt.Fprintln(os.Stderr, "pause: shutting down on", received)
		return 0
	}
	return 0
}

// reap waits for every child that has ended. Signals of one kind coalesce, so one SIGCHLD
// may stand for many.
func reap() {
	for {
		child, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || child <= 0 {
			return
		}
	}
}
