package engine_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// jumpingClock is a run's local clock, which can be moved.
type jumpingClock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *jumpingClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *jumpingClock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// passes lets time pass here and in vCenter.
func (c *jumpingClock) passes(w *world, d time.Duration) {
	c.mu.Lock()
	c.offset += d
	c.mu.Unlock()
	w.sim.AdvanceClock(d)
}

// waitCall waits until vCenter has got so many calls of a kind.
func (w *world) waitCall(name string, n int) {
	for w.t.Context().Err() == nil && w.sim.Calls().SOAP[name] < n {
		time.Sleep(time.Millisecond)
	}
}

// TestVCenterIsAwayForTenMinutes: in the middle of a creation vCenter stops answering,
// and starts again: its sessions have ended and its tasks are forgotten. The creation
// goes on and builds nothing twice.
func TestVCenterIsAwayForTenMinutes(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct {
		call string
		nth  int
	}{
		"while the first VM is cloned":    {"CloneVM_Task", 1},
		"while the first node boots":      {"PowerOnVM_Task", 1},
		"while the others are cloned":     {"CloneVM_Task", 3},
		"while the others are powered on": {"PowerOnVM_Task", 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{TaskDuration: 30 * time.Millisecond, BootDelay: 30 * time.Millisecond})
			clock := &jumpingClock{}
			e := w.engine()
			e.Ledger.Clock = clock
			e.Timing.RetryBudget = 20 * time.Second
			go func() {
				w.waitCall(at.call, at.nth)
				_ = w.sim.AddFault(simulator.Fault{Kind: simulator.DropBefore, Times: -1})
				w.sim.Restart()
				clock.passes(w, 10*time.Minute)
				time.Sleep(400 * time.Millisecond)
				w.sim.ClearFaults()
			}()
			out, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 3), Secrets: newSecrets(t)})
			w.must(err)
			if len(out.Status.Nodes) != 4 || out.Status.State != model.StateRunning || len(w.sim.Leftovers().VMs) != 4 {
				t.Errorf("status %+v, VMs %v", out.Status, w.sim.Leftovers().VMs)
			}
			w.noAddressTwice()
			if n := w.claims(); n != 6 {
				t.Errorf("%d addresses are claimed", n)
			}
		})
	}
}

// way is a network path to vCenter that can be cut.
type way struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	off   bool
	conns map[net.Conn]struct{}
}

func newWay(t testing.TB, target string) *way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &way{listener: listener, target: target, conns: map[net.Conn]struct{}{}}
	t.Cleanup(func() { p.cut(true); _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.forward(conn)
		}
	}()
	return p
}

func (p *way) forward(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	off := p.off
	p.mu.Unlock()
	if off {
		_, _ = client.Close(), server.Close()
		return
	}
	go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
	_, _ = io.Copy(client, server)
	_ = client.Close()
}

func (p *way) cut(off bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = off
	if off {
		for conn := range p.conns {
			_ = conn.Close()
		}
	}
}

// TestLockIsLostWhileTheNetworkIsAway: the way to vCenter is cut in the middle of a
// creation, and another run takes over the lock. Back on the network the first run
// stops, and has changed nothing since.
func TestLockIsLostWhileTheNetworkIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{TaskDuration: 30 * time.Millisecond, BootDelay: 100 * time.Millisecond})
	path := newWay(t, w.sim.Server())
	sessions := &vsphere.Sessions{}
	vc, err := sessions.Get(t.Context(), vsphere.Config{
		Server: path.listener.Addr().String(), Username: w.sim.Username(), Password: w.sim.Password(), CACertificate: w.sim.CACertificate(),
	})
	w.must(err)
	clock := &jumpingClock{}
	first := &engine.Engine{
		Reader: vc, Builder: vc, Ledger: ledger.New(vsphere.NewTagStore(vc), w.sim.InstanceUUID()), Parallel: 16, Timing: fast(),
		Kube: kube.New(kube.Options{ProxyURL: w.sim.ProxyURL(), Timeout: 5 * time.Second, Interval: 20 * time.Millisecond}),
	}
	first.Ledger.Clock = clock
	first.Timing.RetryBudget = 20 * time.Second
	spec := w.spec(1, 2)
	before := make(chan simulator.Calls, 1)
	go func() {
		w.waitCall("PowerOnVM_Task", 1)
		path.cut(true)
		clock.passes(w, 10*time.Minute)
		other := w.engine().Ledger
		if _, err := other.Lock(context.WithoutCancel(t.Context()), other.ID(spec.Ref), "another run"); err != nil {
			t.Errorf("the lock of a run that is not heard of is not taken over: %v", err)
		}
		before <- w.sim.Calls()
		path.cut(false)
	}()
	_, err = first.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	if !errors.Is(err, ledger.ErrLost) {
		t.Errorf("the run ended with %v", err)
	}
	then, now := <-before, w.sim.Calls()
	for _, call := range []string{"CloneVM_Task", "PowerOnVM_Task", "PowerOffVM_Task", "ReconfigVM_Task", "Destroy_Task", "CreateFolder"} {
		if now.SOAP[call] != then.SOAP[call] {
			t.Errorf("%s was called after the lock was lost", call)
		}
	}
	for _, call := range []string{"POST tag", "DELETE tag/id"} {
		if now.REST[call] != then.REST[call] {
			t.Errorf("%s was called after the lock was lost", call)
		}
	}
}
