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
// run side by side from its start, and lets its workers join while the control plane still
// grows.
type ahead struct {
	runner  *Runner
	nodes   map[string]*aheadNode
	joins   bool // the workers' turn to join comes with the first node's answer
	abandon []context.CancelCauseFunc
}

// aheadNode is a node that is made ahead. Its step has it for itself once it is made.
type aheadNode struct {
	*newNode
	made  chan struct{} // closed when it is, or could not be
	err   error         // why it could not be, or did not join
	taken bool          // by its step

	queued  context.Context // ends when the run does before it comes to the node
	joining chan struct{}   // nil: it joins in its step; closed when it has, or will not
	began   bool            // to join
}

// begin starts to make the VMs of nodes and does not wait for them.
func (a *ahead) begin(ctx context.Context, nodes []model.CreateNode, join bool) {
	if len(nodes) == 0 {
		return
	}
	a.joins = a.joins || join
	queued, abandon := context.WithCancelCause(ctx)
	a.abandon = append(a.abandon, abandon)
	var controlPlane, workers []*aheadNode
	for _, s := range nodes {
		node := &aheadNode{newNode: &newNode{Runner: a.runner, CreateNode: s}, made: make(chan struct{}), queued: queued}
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
			node.err = node.prepare(a.follow(queued, node))
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
				node.err = node.cloneAnywhere(a.follow(ctx, node), a.follow(queued, node))
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
				node.err = node.make(a.follow(ctx, node), a.follow(queued, node))
			}
		}()
	}
}

// follow has the waits of what is done ahead reported as those of the node's step.
func (a *ahead) follow(ctx context.Context, node *aheadNode) context.Context {
	ctx, _ = a.runner.Progress.follow(ctx, node.Change())
	return ctx
}

// join lets the workers join whose VMs are made ahead, now that the first node's API
// answers, and does not wait for them. The control plane's nodes join in their steps, one
// after the other.
func (a *ahead) join(ctx context.Context) {
	if !a.joins {
		return
	}
	for _, node := range a.nodes {
		if node.NodePool.ControlPlane() {
			continue
		}
		node.joining = make(chan struct{})
		go func() {
			defer close(node.joining)
			<-node.made
			if node.err == nil && node.queued.Err() == nil {
				node.began = true
				node.turn = bootOfWorker
				node.err = node.join(a.follow(ctx, node))
			}
		}()
	}
}

// settled is closed when nothing is under way with a node any more that its step has to
// wait for.
func (n *aheadNode) settled() <-chan struct{} {
	if n.joining != nil {
		return n.joining
	}
	return n.made
}

// node returns the node of a step once its VM is made, ahead or now. A worker may have
// joined by then.
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
	case <-node.settled():
		node.taken = true
		return node.newNode, node.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// end gives up what is queued, waits for the clones that are under way and the workers that
// are joining, and removes the bootstrap data from the VMs that neither have joined nor a
// step has come to. They are built anew by the next apply.
func (a *ahead) end(ctx context.Context) error {
	for _, abandon := range a.abandon {
		abandon(errAbandoned)
	}
	var wipes []func() error
	for _, node := range a.nodes {
		<-node.settled()
		if node.began && node.err != nil && !node.taken {
			a.runner.Progress.Failed(ctx, node.Change(), node.err)
		}
		if node.taken || node.began || node.vm == "" {
			continue
		}
		wipes = append(wipes, func() error {
			a.runner.Progress.Note(ctx, node.Change(), "its VM was made, and "+errAbandoned.Error())
			return a.runner.wipeAfterFailure(ctx, node.vm, node.Node)
		})
	}
	return errors.Join(inParallel(wipes)...)
}
