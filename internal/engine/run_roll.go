package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// serves tells whether a node can take work. In a cluster whose pod network is
// not there, and that has no pack to bring it, no node is ever Ready, and one
// that has joined is all that can be asked for.
func (r *run) serves(n KubeNode) bool {
	return n.Ready || !r.spec.hasCNI() && !r.sawReady()
}

// sawReady tells whether any node was Ready when the run began.
func (r *run) sawReady() bool {
	for _, n := range r.obs.Nodes {
		if n.Ready {
			return true
		}
	}
	return false
}

// awaitServing waits until the successor of a node can take its work.
func (r *run) awaitServing(ctx context.Context, name string) error {
	return r.poll(ctx, r.e.Timing.ReadyWait, func(ctx context.Context) error {
		nodes, err := r.nodes(ctx)
		if err != nil {
			return err
		}
		if n := nodes[name]; !r.serves(n) {
			return fmt.Errorf("node %s has joined and is not Ready: %s", name, n.Reason)
		}
		return nil
	})
}

// sickControlPlane tells which nodes of the control plane do not serve, and why.
func (r *run) sickControlPlane(nodes map[string]KubeNode) []string {
	var sick []string
	for name, n := range nodes {
		if nodeNumber(r.spec.Name, ControlPlanePool, name) > 0 && !r.serves(n) {
			sick = append(sick, fmt.Sprintf("%s (%s)", name, n.Reason))
		}
	}
	slices.Sort(sick)
	return sick
}

// awaitSpare waits until enough nodes of a pool serve without the one that is
// about to be taken out of a roll, and the control plane is well. What does not
// serve itself is no loss.
func (r *run) awaitSpare(ctx context.Context, s Step) error {
	return r.poll(ctx, r.e.Timing.ReadyWait, func(ctx context.Context) error {
		nodes, err := r.nodes(ctx)
		if err != nil {
			return err
		}
		if n, there := nodes[s.Target]; !there || !r.serves(n) {
			return nil
		}
		if sick := r.sickControlPlane(nodes); len(sick) > 0 {
			return fmt.Errorf("%s is not taken away while nodes of the control plane are not Ready: %s", s.Target, strings.Join(sick, ", "))
		}
		serving, not := 0, []string(nil)
		for name, n := range nodes {
			switch {
			case name == s.Target || nodeNumber(r.spec.Name, s.node.pool.Name, name) == 0:
			case r.serves(n):
				serving++
			default:
				not = append(not, fmt.Sprintf("%s (%s)", name, n.Reason))
			}
		}
		if serving >= s.node.keep {
			return nil
		}
		slices.Sort(not)
		return fmt.Errorf("%d other nodes of pool %s are Ready, and %s is not taken away before %d are; not Ready: %s",
			serving, s.node.pool.Name, s.Target, s.node.keep, orNone(not))
	})
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// rollStopped tells which nodes a roll that goes no further has left as they were.
func rollStopped(steps []Step) error {
	var left []string
	for _, s := range steps {
		if s.Action == ActionDeleteNode {
			left = append(left, s.Target)
		}
	}
	if len(left) == 0 {
		return fmt.Errorf("the roll stops here; the next apply goes on")
	}
	slices.Sort(left)
	count := "1 node is left as it is"
	if len(left) > 1 {
		count = fmt.Sprintf("%d nodes are left as they are", len(left))
	}
	return fmt.Errorf("the roll stops here, and %s: %s; mend the reason, and the next apply goes on", count, strings.Join(left, ", "))
}

// vacated tells the run's own view of the ledger that an address may be handed
// out again: in a full pool the successor needs just that one.
func (r *run) vacated(c Claim) {
	if pool := r.obs.IPPools[c.Pool]; pool != nil && pool.Registered && r.obs.taken != nil {
		r.obs.taken.MarkReleased(pool.IPPool, c.Address, ledger.Owner{Cluster: ledgerID(r.spec.ID), Node: c.Node})
	}
}

// uncordonNode gives work again to a node that an earlier run was about to delete.
func (r *run) uncordonNode(ctx context.Context, name string) error {
	api, err := r.changeAPI(ctx)
	if err != nil {
		return err
	}
	return api.Uncordon(ctx, name)
}
