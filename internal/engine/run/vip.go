package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// handOverVIP has another control-plane node hold the VIP before one stops to serve on purpose:
// kube-vip would keep the address on a node whose API server is gone until its Lease is over. The
// Lease names nobody first, until the holder has failed to renew it for long enough and let go of
// the address, and then a node that takes it. It is an error where none does: without the node,
// there would be no endpoint.
func (r *Runner) handOverVIP(ctx context.Context, node string) error {
	if r.Spec.DHCP() { // the endpoint is a load balancer
		return nil
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	m := &vipMove{r: r, api: api, from: node}
	if err := poll(ctx, r.Timing, r.Timing.VIPWait, m.next); err != nil {
		return fmt.Errorf("hand the VIP over before %s stops to serve: %w", node, err)
	}
	return m.failed
}

// vipMove is the way of the VIP from one control-plane node to another. The two never announce it
// side by side: fabrics that see an address move to and fro freeze it, and IPv6 takes it for a
// duplicate. Nothing but the Lease says how far it has come, also where a run was killed over it
// or an answer was lost.
type vipMove struct {
	r      *Runner
	api    model.API
	from   string
	others []string  // that may take it, the best one first, without those that did not
	silent []string  // that did not take it
	named  string    // in the Lease, by this run
	since  time.Time // when; zero: this run has named nobody yet
	before time.Time // when the Lease was renewed last until then
	failed error
}

// next does what can be done now. It returns nil once another node has the VIP, or none can.
func (m *vipMove) next(ctx context.Context) error {
	vip, err := m.api.VIP(ctx)
	if err != nil {
		return err
	}
	begun := !m.since.IsZero()
	switch vip.Holder {
	case "":
		if begun {
			return errors.New("no node holds the VIP")
		}
		return nil // there is no kube-vip
	case m.from:
		return m.begin(ctx, vip)
	case model.VIPUnheld:
		return m.release(ctx, vip)
	case m.named:
		if vip.Renewed.Equal(m.before) {
			return m.await(ctx, vip)
		}
	}
	return nil
}

// begin takes the VIP from the holder, where another node could have it.
func (m *vipMove) begin(ctx context.Context, vip model.VIP) error {
	if len(m.silent) > 0 {
		m.failed = fmt.Errorf("%s keeps the VIP, and with it the cluster its endpoint: kube-vip did not take it on %s; "+
			"find out why (kubectl -n kube-system logs kube-vip-%s) and apply again", m.from, model.Listed(m.silent), m.silent[0])
		return nil
	}
	var err error
	if m.others, err = m.r.mayTakeVIP(ctx, m.api, m.from); err != nil || len(m.others) == 0 {
		return err
	}
	return m.name(ctx, vip, model.VIPUnheld)
}

// release waits until the holder has let go of the address, and names the next one.
func (m *vipMove) release(ctx context.Context, vip model.VIP) error {
	if m.since.IsZero() { // a run was killed here
		m.named = model.VIPUnheld
		m.since = time.Now()
	}
	if m.named == model.VIPUnheld && time.Since(m.since) < m.r.Timing.VIPRelease {
		return fmt.Errorf("%s is about to let go of the VIP", m.from)
	}
	if len(m.others) == 0 {
		var err error
		if m.others, err = m.r.mayTakeVIP(ctx, m.api, m.from); err != nil || len(m.others) == 0 {
			return err
		}
	}
	return m.name(ctx, vip, m.others[0])
}

// await waits until the node that was named has taken the VIP. Where it does not, the next one is
// named, and after all the one that had it.
func (m *vipMove) await(ctx context.Context, vip model.VIP) error {
	if time.Since(m.since) < m.r.Timing.VIPTake {
		return fmt.Errorf("%s has not taken the VIP yet", m.named)
	}
	m.others = slices.DeleteFunc(m.others, func(name string) bool { return name == m.named })
	m.silent = append(m.silent, m.named)
	return m.name(ctx, vip, append(m.others, m.from)[0])
}

// name writes a holder into the Lease. It is noted before, since the answer may be lost.
func (m *vipMove) name(ctx context.Context, vip model.VIP, holder string) error {
	m.named = holder
	m.since = time.Now()
	m.before = vip.Renewed
	if err := m.api.NameVIPHolder(ctx, vip, holder); err != nil {
		return err
	}
	return fmt.Errorf("the VIP goes from %s to %s", vip.Holder, holder)
}

// mayTakeVIP are the other control-plane nodes that serve. Those come first that this run does not
// delete, so that the VIP moves once in a roll, and those last that somebody has cordoned.
func (r *Runner) mayTakeVIP(ctx context.Context, api model.API, node string) ([]string, error) {
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil {
		return nil, err
	}
	pods, err := api.ControlPlanePods(ctx)
	if err != nil {
		return nil, err
	}
	var others []string
	for name, n := range nodes {
		if name != node && r.isControlPlane(name) && r.isServing(n) && !r.departed.has(name) &&
			len(plan.UnreadyPods([]string{name}, pods)) == 0 {
			others = append(others, name)
		}
	}
	last := func(name string) int {
		switch {
		case nodes[name].Cordoned:
			return 2
		case slices.Contains(r.goes, name):
			return 1
		}
		return 0
	}
	slices.SortFunc(others, func(a, b string) int { return cmp.Or(last(a)-last(b), cmp.Compare(a, b)) })
	return others, nil
}
