package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// trouble is what goes wrong in a run.
type trouble struct {
	kind string
	at   int // the call of vCenter, or the change in the cluster, at which it does
	node string
	call simulator.Fault
}

func (t trouble) String() string {
	switch {
	case t.node != "":
		return fmt.Sprintf("%s %s at call %d", t.kind, t.node, t.at)
	case t.call.Kind != "":
		return fmt.Sprintf("%s %s %s at call %d", t.kind, t.call.Call, t.call.Fault, t.at)
	}
	return fmt.Sprintf("%s at call %d", t.kind, t.at)
}

// The kinds of trouble.
const (
	calm             = "calm"
	runKilled        = "killed"
	runCancelled     = "cancelled"
	killedBefore     = "killed before a change in the cluster"
	killedAfter      = "killed after a change in the cluster"
	callDropped      = "call dropped"
	answerDropped    = "answer dropped"
	callRefused      = "call refused"
	taskFailed       = "task failed"
	slow             = "slow"
	restart          = "vCenter restarts"
	apiAway          = "API away"
	nameTaken        = "name taken"
	cutPower         = "power cut of"
	deleteVM         = "VM deleted:"
	deleteNodeObject = "node object deleted:"
	moveVM           = "VM moved:"
	hang             = "kubelet hangs:"
)

// troubledCalls are those that are refused, or whose tasks fail.
var troubledCalls = []string{"CloneVM_Task", "PowerOnVM_Task", "PowerOffVM_Task", "Destroy_Task", "ReconfigVM_Task"}

func (t trouble) byHand() bool { return t.node != "" && t.kind != nameTaken }

// byHandOn reports whether a person takes a control-plane machine of the cluster away.
func (t trouble) byHandOn(c *walked) bool {
	return t.byHand() && strings.HasPrefix(t.node, c.name+"-cp-")
}

func (w *walk) drawTrouble(c *walked) trouble {
	kinds := []string{
		calm, calm, runKilled, runKilled, runKilled, runCancelled, killedBefore, killedAfter,
		callDropped, answerDropped, callRefused, taskFailed, slow, restart, apiAway,
	}
	if c.runs() && c.wanted.KubernetesVersion != "" {
		kinds = append(kinds, cutPower, cutPower, deleteVM, deleteVM, deleteNodeObject, moveVM, hang)
		if c.wanted.Folder == "k8s/"+c.name {
			kinds = append(kinds, nameTaken)
		}
	}
	t := trouble{kind: rapid.SampledFrom(kinds).Draw(w.r, "trouble")}
	if t.kind == calm {
		return t
	}
	t.at = 1 + 12*rapid.IntRange(0, 15).Draw(w.r, "at") + rapid.IntRange(0, 11).Draw(w.r, "and")
	switch t.kind {
	case killedBefore, killedAfter:
		t.at = 1 + t.at/12
	case callRefused:
		t.call.Kind = simulator.RefuseCall
		t.call.Fault = rapid.SampledFrom([]string{"TaskInProgress", "HostCommunication"}).Draw(w.r, "fault")
		t.call.Call = rapid.SampledFrom(troubledCalls).Draw(w.r, "call")
		t.at = 1 + t.at/40
	case taskFailed:
		t.call.Kind = simulator.FailTask
		t.call.Fault = "HostCommunication"
		t.call.Call = rapid.SampledFrom(troubledCalls).Draw(w.r, "call")
		t.at = 1 + t.at/40
	case cutPower, deleteVM, deleteNodeObject, moveVM, hang:
		t.node = w.drawVictim(c, t.kind)
		if t.node == "" {
			t = trouble{kind: calm}
		}
	case nameTaken:
		pools := c.pools()
		t.node = pools[rapid.IntRange(0, len(pools)-1).Draw(w.r, "pool")].Name
	}
	return t
}

// drawVictim chooses a node that may be taken away: those that are left are a quorum. A VM
// that is deleted by hand takes its foreign disks along, which is no fault of ours.
func (w *walk) drawVictim(c *walked, kind string) string {
	var may []string
	members := 0
	for _, m := range c.state.known {
		if strings.HasPrefix(m.Node, c.name+"-cp-") {
			members++
		}
	}
	for _, m := range c.state.known {
		controlPlane := strings.HasPrefix(m.Node, c.name+"-cp-")
		switch {
		case controlPlane && members < 3 && kind != moveVM:
		case kind == deleteVM && w.hasDisk(m.Node):
		default:
			may = append(may, m.Node)
		}
	}
	if len(may) == 0 {
		return ""
	}
	return may[rapid.IntRange(0, 99).Draw(w.r, "victim")%len(may)]
}

func (w *walk) hasDisk(vm string) bool {
	for _, d := range w.disks {
		if d.vm == vm {
			return true
		}
	}
	return false
}

// disturb runs an apply of a cluster with the trouble in it.
func (t trouble) disturb(w *walk, c *walked) error {
	e, end := w.process()
	defer end()
	e.Timing.ReadyWait, e.Timing.BootTimeout = 15*time.Second, 20*time.Second
	defer w.sim.ClearFaults()
	switch t.kind {
	case runKilled:
		return t.kill(w, c, e)
	case killedBefore, killedAfter:
		return t.killAtAPI(w, c, e)
	case callDropped:
		t.call.Kind = simulator.DropBefore
	case answerDropped:
		t.call.Kind = simulator.DropAfter
	case slow:
		w.sim.SetLatency(3 * time.Millisecond)
		w.sim.SetTaskDuration(20 * time.Millisecond)
		defer func() { w.sim.SetLatency(0); w.sim.SetTaskDuration(0) }()
	case nameTaken:
		defer t.takeName(w, c)()
	}
	if t.call.Kind != "" {
		t.call.Nth = t.at
		w.must(w.sim.AddFault(t.call))
	}
	var during sync.WaitGroup
	over := make(chan struct{})
	if act := t.action(w, c, e); act != nil {
		during.Go(func() {
			if w.atCall(t.at, over) {
				act()
			}
		})
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	if t.kind == runCancelled { // by a person: Terraform saves what the run has come to
		during.Go(func() {
			if w.atCall(t.at, over) {
				cancel()
			}
		})
	}
	out := w.run(ctx, c, e)
	close(over)
	during.Wait()
	t.repair(w, c)
	if t.kind == answerDropped {
		w.sim.ExpireSessions() // of a login whose answer was lost only vCenter knows
	}
	out.save()
	return out.err
}

// repair is what a person does about what no apply repairs, or only with time.
func (t trouble) repair(w *walk, c *walked) {
	switch {
	case t.kind == hang && c.wanted.Repair != nil:
		w.sim.AdvanceClock(11 * time.Minute)
	case t.kind == hang, t.kind == deleteNodeObject && t.byHandOn(c):
		// The kubelet registers its node when it starts. The next apply powers it on.
		_ = w.sim.PowerOffVM(t.node)
	}
}

// atCall waits until vCenter has got so many calls, or the run is over.
func (w *walk) atCall(n int, over <-chan struct{}) bool {
	for {
		select {
		case <-over:
			return false
		case <-time.After(time.Millisecond):
			if w.sim.Calls().Total >= n {
				return true
			}
		}
	}
}

// action is what happens beside the run.
func (t trouble) action(w *walk, c *walked, e *engine.Engine) func() {
	switch t.kind {
	case restart:
		return w.sim.Restart
	case apiAway:
		path := newWay(w.t, strings.TrimPrefix(w.sim.ProxyURL(), "http://"))
		through := "http://" + path.listener.Addr().String()
		e.Kube = kube.New(kube.Options{ProxyURL: through, Timeout: 5 * time.Second, Interval: 20 * time.Millisecond})
		return func() {
			path.cut(true)
			time.Sleep(500 * time.Millisecond) // which is how long it is away
			path.cut(false)
		}
	case cutPower:
		return func() { _ = w.sim.PowerOffVM(t.node) } // it may be gone by now
	case deleteVM:
		return func() { _ = w.sim.DeleteVM(t.node) }
	case moveVM:
		w.moved[t.node] = true
		return func() { _ = w.sim.MoveVM(t.node, "/dc-1/vm/other") }
	case hang:
		return func() { _ = w.sim.HangVM(t.node) }
	case deleteNodeObject:
		secrets := *c.state.secrets
		return func() {
			api, err := e.Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
			if err == nil {
				_ = api.DeleteNode(context.WithoutCancel(w.t.Context()), t.node)
			}
		}
	}
	return nil
}

func (t trouble) kill(w *walk, c *walked, e *engine.Engine) error {
	var out outcome
	w.killedEngine(e, t.at, func(ctx context.Context, e *engine.Engine) { out = w.run(ctx, c, e) })
	w.sim.ExpireSessions() // which the killed run has left open
	return errors.Join(errKilled, out.err)
}

func (t trouble) killAtAPI(w *walk, c *walked, e *engine.Engine) error {
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	die := func() {
		w.sim.StopAfter(1)
		cancel()
	}
	e.Kube = &killedKube{Kube: e.Kube, kill: die, late: t.kind == killedAfter, left: t.at}
	e.Timing.RetryBudget = 0
	out := w.run(ctx, c, e)
	if ctx.Err() == nil {
		out.save() // it ended before
		return out.err
	}
	w.sim.Resume()
	w.sim.AdvanceClock(2 * time.Minute)
	w.sim.ExpireSessions()
	return errors.Join(errKilled, out.err)
}

// takeName gives the name of the next node of a pool to another VM, until what is returned
// is called.
func (t trouble) takeName(w *walk, c *walked) func() {
	e, end := w.process()
	defer end()
	rec, err := e.Ledger.Record(w.t.Context(), e.Ledger.ID(c.wanted.Ref))
	w.must(err)
	body, err := rec.Cluster()
	w.must(err)
	name := model.NodeName("", c.name, t.node, max(1, body.Counters[t.node]))
	const other = "other-00001"
	w.must(w.sim.MoveVM(other, "/dc-1/vm/"+c.wanted.Folder))
	w.must(w.sim.RenameVM(other, name))
	return func() {
		w.must(w.sim.RenameVM(name, other))
		w.must(w.sim.MoveVM(other, "/dc-1/vm/other"))
	}
}
