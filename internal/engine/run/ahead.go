package run

import (
	"context"
	"errors"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// errAbandoned is why a node that was to be made ahead is not: the run ends before it
// comes to the node.
var errAbandoned = errors.New("the run ended before it came to this node")

// ahead makes the VMs of nodes before these may join, so that all clones of a creation
// run side by side from its start.
type ahead struct {
	runner  *Runner
	nodes   map[string]*aheadNode
	abandon []context.CancelCauseFunc
}

// aheadNode is a node that is made ahead. Its step has it for itself once it is made.
type aheadNode struct {
	*newNode
	made  chan struct{} // closed when it is, or could not be
	err   error         // why it could not be
	taken bool          // by its step
}

// begin starts to make the VMs of nodes and does not wait for them.
func (a *ahead) begin(ctx context.Context, nodes []model.CreateNode) {
	if len(nodes) == 0 {
		return
	}
	queued, abandon := context.WithCancelCause(ctx)
	a.abandon = append(a.abandon, abandon)
	var controlPlane, workers []*aheadNode
	for _, s := range nodes {
		node := &aheadNode{newNode: &newNode{Runner: a.runner, CreateNode: s}, made: make(chan struct{})}
		a.nodes[s.Node] = node
		if s.NodePool.ControlPlane() {
			controlPlane = append(controlPlane, node)
		} else {
			workers = append(workers, node)
		}
	}
	go a.make(ctx, queued, controlPlane, workers)
}

// make makes the control plane's VMs first: vCenter was asked for one, and the others
// have their addresses and wait for their turn, before a worker does. Without them no
// worker is of use.
func (a *ahead) make(ctx, queued context.Context, controlPlane, workers []*aheadNode) {
	prepare := make([]func() error, len(controlPlane))
	for i, node := range controlPlane {
		prepare[i] = func() error {
			node.err = node.prepare(queued)
			return node.err
		}
	}
	failed := errors.Join(inParallel(prepare)...)
	asked, ask := context.WithCancel(context.WithoutCancel(ctx))
	for _, node := range controlPlane {
		node.asked = ask
		go func() {
			defer close(node.made)
			defer ask() // where it has not come that far
			if node.err == nil {
				node.err = node.clone(ctx, queued)
			}
		}()
	}
	if len(controlPlane) > 0 {
		<-asked.Done()
	}
	ask()
	for _, node := range workers {
		go func() {
			defer close(node.made)
			if node.err = failed; node.err == nil {
				node.err = node.make(ctx, queued)
			}
		}()
	}
}

// node returns the node of a step once its VM is made, ahead or now.
func (a *ahead) node(ctx context.Context, s model.CreateNode) (*newNode, error) {
	node, ok := a.nodes[s.Node]
	if !ok {
		// No VM is made whose node could not join.
		if _, err := a.runner.api.wait(ctx); err != nil {
			return nil, err
		}
		node := &newNode{Runner: a.runner, CreateNode: s}
		return node, node.make(ctx, ctx)
	}
	select {
	case <-node.made:
		node.taken = true
		return node.newNode, node.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// end gives up what is queued, waits for the clones that are under way, and removes the
// bootstrap data from the VMs that no step has come to. They are built anew by the next
// apply.
func (a *ahead) end(ctx context.Context) error {
	for _, abandon := range a.abandon {
		abandon(errAbandoned)
	}
	var wipes []func() error
	for _, node := range a.nodes {
		<-node.made
		if node.taken || node.vm == "" {
			continue
		}
		wipes = append(wipes, func() error {
			a.runner.report(ctx, node.Change(), "its VM was made, and "+errAbandoned.Error())
			return a.runner.wipeAfterFailure(ctx, node.vm, node.Node)
		})
	}
	return errors.Join(inParallel(wipes)...)
}
