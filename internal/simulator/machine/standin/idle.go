package standin

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// RunIdle stands for an agent that waits for work from a service which is not there. It
// ends on SIGTERM or SIGINT, as an agent without work does.
func RunIdle([]string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	fmt.Fprintln(os.Stderr, "a stand-in: waiting for SIGTERM")
	fmt.Fprintln(os.Stderr, "ending on", <-signals)
	return 0
}
