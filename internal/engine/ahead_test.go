package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// diary notes clones and power-ons in the order in which they are asked for.
type diary struct {
	model.VCenter
	mu    sync.Mutex
	lines []string
	names map[string]string // VM to node
	tasks map[string]string // clone task to node
	// Clones of workers last until the first node is powered on, however slow the machine.
	workersWait bool
	first       chan struct{} // closed when the first node is powered on
}

func (d *diary) Clone(ctx context.Context, c model.CloneRequest) (string, error) {
	d.note("clone " + c.Name)
	if d.workersWait && !strings.Contains(c.Name, "-cp-") {
		select {
		case <-d.first:
		case <-time.After(10 * time.Second):
			return "", errors.New("the first node waits for the clones of workers")
		}
	}
	task, err := d.VCenter.Clone(ctx, c)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tasks[task] = c.Name
	return task, err
}

func (d *diary) Poll(ctx context.Context, req model.PollRequest) (*model.PollResult, error) {
	res, err := d.VCenter.Poll(ctx, req)
	d.mu.Lock()
	defer d.mu.Unlock()
	for task, node := range d.tasks {
		if err == nil && res.Tasks[task].Done {
			d.names[res.Tasks[task].VM] = node
		}
	}
	return res, err
}

func (d *diary) PowerOn(ctx context.Context, vm string) (string, error) {
	d.mu.Lock()
	name := d.names[vm]
	d.mu.Unlock()
	d.note("power on " + name)
	if strings.HasSuffix(name, "-cp-1") {
		close(d.first)
	}
	return d.VCenter.PowerOn(ctx, vm)
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) at(line string) int { return slices.Index(d.lines, line) }

// keepDiary lets an engine note what it asks for.
func keepDiary(e *engine.Engine) *diary {
	d := &diary{VCenter: e.Builder, names: map[string]string{}, tasks: map[string]string{}, first: make(chan struct{})}
	e.Builder = d
	return d
}

// TestClonesRunFromTheStart creates a cluster with fewer slots than nodes: the control
// plane's clones come first, the first node boots before the clones that had to wait, and
// the others of the control plane are powered on one after the other. The workers wait for
// the first node alone.
func TestClonesRunFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{CloneDuration: 100 * time.Millisecond, BootDelay: 300 * time.Millisecond})
	e := w.engine()
	e.Parallel = 3
	d := keepDiary(e)
	d.workersWait = true
	out, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(3, 4), Secrets: newSecrets(t)})
	w.must(err)
	if len(out.Status.Nodes) != 7 || out.Status.State != model.StateRunning {
		t.Errorf("status %+v", out.Status)
	}
	slices.Sort(d.lines[:3])
	if want := []string{"clone prod-cp-1", "clone prod-cp-2", "clone prod-cp-3"}; !slices.Equal(d.lines[:3], want) {
		t.Errorf("the control plane's clones are not the first: %q", d.lines)
	}
	var boots [4]int
	for n := 1; n <= 3; n++ {
		boots[n] = d.at(fmt.Sprintf("power on prod-cp-%d", n))
	}
	// In the slot of its clone, while other clones take the slots of the other two.
	if boots[1] > 5 || !slices.IsSorted(boots[:]) {
		t.Errorf("the control plane's boots are calls %v: %q", boots[1:], d.lines)
	}
	firstWorker := len(d.lines)
	for n := 1; n <= 4; n++ {
		clone, boot := d.at(fmt.Sprintf("clone prod-general-%d", n)), d.at(fmt.Sprintf("power on prod-general-%d", n))
		if clone < 0 || clone > boots[3] || boot < boots[1] {
			t.Errorf("worker %d is cloned in call %d and powered on in call %d: %q", n, clone, boot, d.lines)
		}
		firstWorker = min(firstWorker, boot)
	}
	if firstWorker > boots[3] {
		t.Errorf("the workers wait for all of the control plane: %q", d.lines)
	}
	if n := w.sim.Calls().SOAP["ReconfigVM_Task"]; n != 0 {
		t.Errorf("%d VMs were changed after their clone", n)
	}
}

// TestFailedControlPlaneLeavesNoneThatBoots lets a node of the control plane fail while
// workers are cloned or join: what is queued is not cloned any more, what is under way is
// waited for, and no VM that a token was made for keeps it. The next apply ends with every
// node there once, and clones none again that has joined.
func TestFailedControlPlaneLeavesNoneThatBoots(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fails        string
		controlPlane int
		parallel     int
		clones       int  // at most
		join         bool // the workers do
		again        int  // clones of the next apply
	}{
		"the first node, before most clones": {fails: "prod-cp-1", controlPlane: 1, parallel: 1, clones: 3, again: 5},
		"the second node, after all clones":  {fails: "prod-cp-2", controlPlane: 3, parallel: 16, clones: 7, join: true, again: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{CloneDuration: 200 * time.Millisecond})
			spec, secrets := w.spec(c.controlPlane, 4), newSecrets(t)
			e := w.engine()
			e.Parallel = c.parallel
			e.Builder = tampering{e.Builder, c.fails, func(m, u string) (string, string) {
				return m, everywhere(u, "kubeadm.k8s.io", "kubeadm.k8s.oi")
			}}
			out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			var boot *run.BootError
			if !errors.As(err, &boot) || boot.Node != c.fails {
				t.Fatalf("got %v", err)
			}
			if n := w.sim.Calls().SOAP["CloneVM_Task"]; n > c.clones || n < 2 || w.sim.ClonesUnderWay() != 0 {
				t.Errorf("%d clones, %d of them under way", n, w.sim.ClonesUnderWay())
			}
			survey, err := w.engine().Reader.Survey(t.Context(), model.SurveyRequest{Cluster: out.ID})
			w.must(err)
			for _, m := range survey.Machines {
				if m.Userdata || !m.Marker.ControlPlane() && m.PoweredOn != c.join {
					t.Errorf("%s has userdata: %v, and runs: %v", m.Path, m.Userdata, m.PoweredOn)
				}
			}

			before := w.sim.Calls().SOAP["CloneVM_Task"]
			w.sim.SetCloneDuration(0)
			if out.APIReached {
				spec = kept(spec, out)
			}
			out, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			w.must(err)
			if nodes := c.controlPlane + 4; len(out.Status.Nodes) != nodes || len(w.sim.Leftovers().VMs) != nodes || w.claims() != nodes+2 {
				t.Errorf("%d nodes, VMs %v, %d claims", len(out.Status.Nodes), w.sim.Leftovers().VMs, w.claims())
			}
			if n := w.sim.Calls().SOAP["CloneVM_Task"] - before; n != c.again {
				t.Errorf("%d clones, want %d", n, c.again)
			}
			w.noAddressTwice()
		})
	}
}

// TestNodesClonedAheadAreAdopted kills a run that lets a cluster grow once all clones are
// there and none has booted: the next one powers on what it finds, with a token of its
// own, and clones nothing.
func TestNodesClonedAheadAreAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	spec.ControlPlane.Count, spec.Workers[0].Count = 3, 2
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DelayCall, Call: "PowerOnVM_Task", Delay: time.Hour}))
	dying, die := context.WithCancel(t.Context())
	before := w.sim.Calls().SOAP
	go func() {
		w.waitCall("PowerOnVM_Task", before["PowerOnVM_Task"]+1)
		for len(w.sim.Leftovers().VMs) < 5 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		w.sim.StopAfter(1)
		die()
	}()
	e := w.engine()
	e.Timing.RetryBudget = 0
	if _, err := e.Apply(dying, engine.Request{Spec: spec, Secrets: secrets}); err == nil {
		t.Fatal("the run was not killed")
	}
	w.sim.ClearFaults()
	w.sim.Resume()
	w.sim.AdvanceClock(2 * time.Minute)

	want := []string{"create_node prod-cp-2", "create_node prod-cp-3", "create_node prod-general-1", "create_node prod-general-2"}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, want) {
		t.Errorf("planned %v", got)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if len(out.Status.Nodes) != 5 || out.Status.State != model.StateRunning || len(w.sim.Leftovers().VMs) != 5 || w.claims() != 7 {
		t.Errorf("status %+v, VMs %v, %d claims", out.Status, w.sim.Leftovers().VMs, w.claims())
	}
	if n := w.sim.Calls().SOAP["Destroy_Task"]; n > 0 {
		t.Errorf("%d VMs were destroyed", n)
	}
	w.noAddressTwice()
}
