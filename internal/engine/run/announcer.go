package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// maxUnannounced bounds the events that wait for an API that does not answer yet.
const maxUnannounced = 1000

// lastWords bounds how long the end of a run waits for its events to be written.
const lastWords = 5 * time.Second

// announcer writes the events of a run where others look: into the cluster, once its API
// answers, and to the VMs in vCenter. It does so beside the run, which never waits for it
// but at its end, and never fails for it.
type announcer struct {
	runner *Runner
	denied atomic.Bool // the account may not log events

	mu     sync.Mutex
	queue  []model.Event
	wake   chan struct{}
	over   chan struct{}
	closed chan struct{}
}

// announceEvents starts to write events, and returns the function that ends it.
func (r *Runner) announceEvents(ctx context.Context) (end func()) {
	if !r.Events {
		return func() {}
	}
	a := &announcer{runner: r, wake: make(chan struct{}, 1), over: make(chan struct{}), closed: make(chan struct{})}
	r.Progress.announceTo(a.add)
	// What is under way when the run is stopped is still written.
	lasting := context.WithoutCancel(ctx)
	go a.loop(lasting)
	return func() {
		r.Progress.announceTo(nil)
		close(a.over)
		<-a.closed
	}
}

// add queues an event that others look for: that a step begins or has ended.
func (a *announcer) add(event model.Event) {
	if event.Whole() || event.Status != model.EventStarted && !event.Ends() {
		return
	}
	a.mu.Lock()
	if len(a.queue) < maxUnannounced {
		a.queue = append(a.queue, event)
	}
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *announcer) take() []model.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	events := a.queue
	a.queue = nil
	return events
}

// loop writes what is queued. What the cluster's API cannot take yet waits for it.
func (a *announcer) loop(ctx context.Context) {
	defer close(a.closed)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-a.over
		time.AfterFunc(lastWords, cancel)
	}()
	var forCluster []model.Event
	for {
		over := false
		select {
		case <-a.wake:
		case <-a.over:
			over = true
		}
		events := a.take()
		a.tellVCenter(ctx, events)
		forCluster = a.tellCluster(ctx, append(forCluster, events...))
		if over {
			return
		}
		forCluster = forCluster[max(0, len(forCluster)-maxUnannounced):]
	}
}

// tellVCenter logs events to their VMs, until it is not answered.
func (a *announcer) tellVCenter(ctx context.Context, events []model.Event) {
	for _, event := range events {
		err := a.logToVM(ctx, event)
		if errors.Is(err, model.ErrPermission) {
			a.denied.Store(true)
		}
		if model.Transient(err) || ctx.Err() != nil {
			return
		}
	}
}

// logToVM logs the end of a step to its VM, and the beginning of one that deletes it: one
// call a step.
func (a *announcer) logToVM(ctx context.Context, event model.Event) error {
	deletes := event.Step.Action == model.ActionDeleteNode
	if a.denied.Load() || deletes == event.Ends() && event.Status != model.EventFailed {
		return nil
	}
	vm := a.runner.vmOf(event.Step.Target)
	if vm == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.runner.Timing.CallTimeout)
	defer cancel()
	message := fmt.Sprintf("Gantry: %s: %s: %s", event.Of.Describe(), event.Step, oneLine(event.Words()))
	return a.runner.VCenter.LogEvent(ctx, vm, message)
}

// tellCluster writes events into the cluster, and returns those that its API could not take.
func (a *announcer) tellCluster(ctx context.Context, events []model.Event) []model.Event {
	for i, event := range events {
		api := a.runner.api.answering()
		if api == nil {
			return events[i:]
		}
		posting, cancel := context.WithTimeout(ctx, a.runner.Timing.CallTimeout)
		err := api.PostEvent(posting, clusterEvent(event, a.runner.isNode(event.Step.Target)))
		cancel()
		if model.Transient(err) {
			return events[i:]
		}
	}
	return nil
}

// clusterEvent is an event as the cluster gets it.
func clusterEvent(event model.Event, node bool) model.ClusterEvent {
	out := model.ClusterEvent{
		Time: event.Time, Action: string(event.Step.Action), Warning: event.Status == model.EventFailed,
		Reason:  reasonOf(event.Step.Action, event.Status),
		Message: oneLine(event.Step.String() + ": " + event.Words()),
	}
	if node {
		out.Node = event.Step.Target
	}
	return out
}

// reasonOf is what has happened in one word, as create_node that has failed is
// CreateNodeFailed.
func reasonOf(action model.Action, status model.EventStatus) string {
	var reason strings.Builder
	for word := range strings.SplitSeq(string(action)+"_"+string(status), "_") {
		reason.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return reason.String()
}

// oneLine leaves out what follows the first line, such as a guest's log: others read it
// than who runs Terraform.
func oneLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// vmOf is the VM of a node, of which the run knows; empty: there is none.
func (r *Runner) vmOf(node string) string {
	if vm, ok := r.vms.Load(node); ok && vm != "" {
		return vm.(string) //nolint:forcetypeassert // nothing else is stored
	}
	for _, m := range r.World.Facts.Machines {
		if m.Marker.Node == node {
			return m.Ref
		}
	}
	return ""
}

// isNode reports whether a step's target is a node, or is to be one.
func (r *Runner) isNode(target string) bool {
	_, built := r.rebuilds[target]
	_, known := r.World.Facts.API.Nodes[target]
	return built || known || r.vmOf(target) != ""
}

// answering is the cluster's API, where it has answered in this run; nil: it has not. It
// does not wait.
func (c *clusterAPI) answering() model.API {
	if !c.answers.Load() {
		return nil
	}
	return c.api
}
