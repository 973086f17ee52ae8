package guestos

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// reaper starts processes and waits for all of them, those that lost their
// parent too. As the first process waits for any process, nothing here may use
// os/exec to run a command: its Wait would find the child gone.
type reaper struct {
	mu       sync.Mutex
	children map[int]*process
}

// process is a child with a waiter.
type process struct {
	pid  int
	done chan struct{}
	// status is valid once done is closed.
	status syscall.WaitStatus
}

func newReaper() *reaper { return &reaper{children: map[int]*process{}} }

// run collects children and never returns. The tick is for a signal that was merged
// with one before it.
func (r *reaper) run() {
	children := make(chan os.Signal, 8)
	signal.Notify(children, syscall.SIGCHLD)
	tick := time.Tick(time.Second)
	for {
		select {
		case <-children:
		case <-tick:
		}
		for r.collect() {
		}
	}
}

func (r *reaper) collect() bool {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if err == syscall.EINTR {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	// start holds the lock from fork to entry: no child ends unknown.
	r.mu.Lock()
	child := r.children[pid]
	delete(r.children, pid)
	r.mu.Unlock()
	if child != nil {
		child.status = status
		close(child.done)
	}
	return true
}

// start runs a program, with nothing of this process's, as the execution says.
func (r *reaper) start(e execution, output *os.File) (*process, error) {
	plan, err := e.file()
	if err != nil {
		return nil, err
	}
	defer func() { _ = plan.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(guestProgram, []string{"execute"}, &syscall.ProcAttr{
		Dir:   "/",
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd(), plan.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Arguments[0], err)
	}
	child := &process{pid: pid, done: make(chan struct{})}
	r.children[pid] = child
	return child, nil
}

func exitError(status syscall.WaitStatus) error {
	switch {
	case status.Signaled():
		return fmt.Errorf("killed by signal %d (%s)", status.Signal(), status.Signal())
	case status.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", status.ExitStatus())
	}
	return nil
}

// searchPath is what systemd gives its services.
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// baseEnvironment returns all that a service sees unless its unit says more. HOME is
// not in it: under systemd it is not either.
func baseEnvironment() []string { return []string{"PATH=" + searchPath, "LANG=C.UTF-8"} }
