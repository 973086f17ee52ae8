package engine_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// looks counts the looks at running tasks and VMs. How many there are depends on
// how long things take, and not on how many nodes there are.
type looks struct {
	model.VCenter
	n *atomic.Int64
}

func (l looks) Poll(ctx context.Context, req model.PollRequest) (*model.PollResult, error) {
	if len(req.Tasks)+len(req.VMs)+len(req.Disks) > 0 {
		l.n.Add(1)
	}
	return l.VCenter.Poll(ctx, req)
}

// countLooks tells how often an engine has looked since it was asked last. It sends no
// heartbeats from then on.
func countLooks(e *engine.Engine) func() int {
	e.Ledger.Clock = stopped{time.Now()}
	n := &atomic.Int64{}
	e.Builder, e.Reader = looks{e.Builder, n}, looks{e.Reader, n}
	return func() int { return int(n.Swap(0)) }
}

// stopped is a clock that stands still: no heartbeat is due, of which there would be the more
// the slower the machine is.
type stopped struct{ at time.Time }

func (c stopped) Now() time.Time { return c.at }

func (stopped) Sleep(ctx context.Context, _ time.Duration) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// TestCallsToVCenter holds what a cluster may cost vCenter beside the looks while
// it waits and the heartbeats. Sessions are open when counting begins.
func TestCallsToVCenter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	e := w.engine()
	looked := countLooks(e)
	count := func(what string, most int, do func()) {
		t.Helper()
		w.sim.ResetCalls()
		looked()
		do()
		calls, looks := w.sim.Calls(), looked()
		t.Logf("%s: %d calls and %d looks: %v %v", what, calls.Total-looks, looks, calls.SOAP, calls.REST)
		if calls.Total-looks > most {
			t.Errorf("%s took %d calls, more than %d", what, calls.Total-looks, most)
		}
	}
	spec, secrets := w.spec(1, 40), newSecrets(t)
	if _, err := e.Ledger.Snapshot(t.Context()); err != nil { // opens the second session
		t.Fatal(err)
	}
	// Six of them are of the zones: what is attached, and each tag and category once in a run.
	count("a plan of a creation", 12, func() {
		if _, err := e.PlanCreation(t.Context(), spec, unknownFormer); err != nil {
			t.Fatal(err)
		}
	})
	count("a creation of 41 nodes", 3*41+24, func() {
		out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err != nil {
			t.Fatal(err)
		}
		spec = kept(spec, out)
	})
	count("a refresh of 41 nodes", 6, func() {
		_, look, err := e.Status(t.Context(), spec, secrets)
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Plan(t.Context(), spec, secrets, look)
		if err != nil || !p.Empty() {
			t.Fatalf("%v, %v", actions(p), err)
		}
	})
	spec.Workers[0].Count = 35
	count("taking 5 nodes away", 41, func() {
		if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
			t.Fatal(err)
		}
	})
	count("a destruction of 36 nodes", 6*36, func() {
		if err := e.Destroy(t.Context(), spec.Target()); err != nil {
			t.Fatal(err)
		}
	})
}
