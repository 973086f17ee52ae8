package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// namespace is a network namespace without a name, and the one thread that lives
// in it. Every process of the World is forked from that thread: the kernel kills
// a child with a parent-death signal when the thread that forked it ends, so
// this must be a thread that ends only with the World. Go's own come and go.
type namespace struct {
	file *os.File
	jobs chan func()
	quit chan struct{}
	gone chan struct{}
	stop func()
}

func newNamespace() (*namespace, error) {
	n := &namespace{jobs: make(chan func()), quit: make(chan struct{}), gone: make(chan struct{})}
	n.stop = sync.OnceFunc(func() { close(n.quit) })
	ready := make(chan error)
	go n.live(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	return n, nil
}

func (n *namespace) live(ready chan<- error) {
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	if unix.Gettid() == unix.Getpid() {
		// The first thread stands for the process (/proc/self/ns) and can't end.
		// While it is taken the next goroutine gets another.
		moved := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(moved)
			n.inhabit(ready)
		}()
		<-moved
		runtime.UnlockOSThread()
		return
	}
	n.inhabit(ready)
}

func (n *namespace) inhabit(ready chan<- error) {
	defer close(n.gone)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		ready <- err
		return
	}
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		ready <- err
		return
	}
	n.file = file
	ready <- nil
	for {
		select {
		case job := <-n.jobs:
			job()
		case <-n.quit:
			return
		}
	}
}

// close ends the thread, and with it every process that was forked from it.
func (n *namespace) close() {
	n.stop()
	<-n.gone
	_ = n.file.Close()
}

// do runs f on the thread that lives in the namespace. F must be short.
func (n *namespace) do(f func() error) error {
	done := make(chan error, 1)
	select {
	case n.jobs <- func() { done <- f() }:
		return <-done
	case <-n.quit:
		return net.ErrClosed
	}
}

// start forks a process inside the namespace.
func (n *namespace) start(cmd *exec.Cmd) error { return n.do(cmd.Start) }

// ip runs commands of ip(8) inside the namespace, one a line.
func (n *namespace) ip(lines ...string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	_, err := n.output(cmd)
	return err
}

func (n *namespace) output(cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	err := n.start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", cmd.Path, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// inside runs f on some thread that visits the network namespace of a file. What
// f opens stays in that namespace.
func inside(file *os.File, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- visit(file, f) }()
	return <-done
}

func visit(file *os.File, f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() { _ = home.Close() }()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter a network namespace: %w", err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		// The thread stays locked, so it ends here and is not used again.
		return errors.Join(err, fmt.Errorf("leave a network namespace: %w", back))
	}
	runtime.UnlockOSThread()
	return err
}

// dial connects from inside the namespace.
func (n *namespace) dial(ctx context.Context, address string) (conn net.Conn, err error) {
	// A literal address: the dialer makes its socket on this very goroutine.
	err = inside(n.file, func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", address)
		return err
	})
	return conn, err
}

func (n *namespace) listen(address string) (listener net.Listener, err error) {
	err = inside(n.file, func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}
