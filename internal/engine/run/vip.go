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
// kube-vip would keep the address on a node whose API server is gone until its Lease is over. It
// is an error where the node has the VIP again after all: without it, there would be no endpoint.
func (r *Runner) handOverVIP(ctx context.Context, node string) error {
	if r.Spec.DHCP() { // the endpoint is a load balancer
		return nil
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	often := r.Timing
	often.MaxTick = 2 * often.Tick
	m := &vipMove{r: r, api: api, from: node}
	if err := poll(ctx, often, r.Timing.VIPWait, m.next); err != nil {
		return fmt.Errorf("hand the VIP over before %s stops to serve: %w", node, err)
	}
	return m.failed
}

// vipMove is the way of the VIP from one control-plane node to another. It begins when the holder
// has just renewed the Lease of kube-vip: no node is named in it then, and the holder lets go of
// the address when it has failed to renew the Lease for VIPRenewDeadline. Right before that, another
// node is named, which takes the VIP in its next try. Later none could be, since the API is behind
// the VIP. Earlier, both would announce it for long: fabrics that see an address move to and fro
// freeze it, and IPv6 takes it for a duplicate. A run that is killed in between leaves the VIP to
// the node that sees first that the Lease is over.
type vipMove struct {
	r      *Runner
	api    model.API
	from   string
	to     string
	looked time.Time // at the holder first
	named  string    // in the Lease, by this run
	since  time.Time // when
	before time.Time // when the Lease had been renewed last
	silent []string  // that were named and did not take it
	failed error
}

// vipLook bounds one look at the Lease.
const vipLook = 3 * time.Second

// next does what can be done now. It returns nil once another node has the VIP, or none can.
func (m *vipMove) next(ctx context.Context) error {
	// A connection to a node that has let go of the address answers no more.
	ctx, cancel := context.WithTimeout(ctx, vipLook)
	defer cancel()
	vip, err := m.api.VIP(ctx)
	switch {
	case err != nil:
		return err
	case vip.Holder == m.from && m.named == m.to && m.to != "":
		return m.again()
	case vip.Holder == m.from:
		return m.begin(ctx, vip)
	case vip.Holder != model.VIPUnheld && m.to == "":
		return nil // another node has it, or there is no kube-vip
	case vip.Holder == model.VIPUnheld && time.Since(m.since) < m.r.Timing.VIPRetry*11/2:
		return fmt.Errorf("%s is about to let go of the VIP", m.from)
	case vip.Holder == model.VIPUnheld && !m.since.IsZero():
		return m.name(ctx, vip, m.to)
	case vip.Holder == model.VIPUnheld, vip.Holder == "":
		return errors.New("no node holds the VIP")
	case vip.Holder == m.to && vip.Renewed.Equal(m.before):
		return fmt.Errorf("%s has not taken the VIP yet", m.to)
	}
	return nil
}

// again is a node that has the VIP once more after another one was named. That may pass, as where
// etcd elected a leader meanwhile; a second time it is an error.
func (m *vipMove) again() error {
	m.silent = append(m.silent, m.to)
	if len(m.silent) > 1 {
		silent := slices.Compact(m.silent)
		m.failed = fmt.Errorf("%s keeps the VIP, and with it the cluster its endpoint: kube-vip did not take it on %s; find out why "+
			"(kubectl -n kube-system logs kube-vip-%s) and apply again", m.from, model.Listed(silent), silent[0])
		return nil
	}
	m.to = ""
	m.named = ""
	m.looked = time.Time{}
	return fmt.Errorf("%s has not taken the VIP", m.silent[0])
}

// begin takes the name out of the Lease once the holder has renewed it, where another node can have
// the VIP.
func (m *vipMove) begin(ctx context.Context, vip model.VIP) error {
	if m.looked.IsZero() {
		var err error
		if m.to, err = m.r.takesVIP(ctx, m.api, m.from, m.silent); err != nil || m.to == "" {
			return err
		}
		m.looked = time.Now()
		m.before = vip.Renewed
	}
	// One that cannot renew it is not waited for.
	if vip.Renewed.Equal(m.before) && time.Since(m.looked) < 2*m.r.Timing.VIPRetry {
		return fmt.Errorf("%s is about to renew its hold on the VIP", m.from)
	}
	return m.name(ctx, vip, model.VIPUnheld)
}

// name writes a holder into the Lease. When is noted before, since the answer may be lost.
func (m *vipMove) name(ctx context.Context, vip model.VIP, holder string) error {
	m.since = time.Now()
	m.before = vip.Renewed
	if err := m.api.NameVIPHolder(ctx, vip, holder); err != nil {
		return err
	}
	m.named = holder
	return fmt.Errorf("the VIP goes from %s to %s", m.from, m.to)
}

// takesVIP is the control-plane node that takes the VIP from another one: one that serves and whose
// kube-vip runs. This run does not delete it, where there is such a one, so that the VIP moves once
// in a roll, and those come last that did not take it. Empty: there is none.
func (r *Runner) takesVIP(ctx context.Context, api model.API, from string, silent []string) (string, error) {
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil {
		return "", err
	}
	pods, err := api.ControlPlanePods(ctx)
	if err != nil {
		return "", err
	}
	var others []string
	for name, n := range nodes {
		if name != from && r.isControlPlane(name) && r.isServing(n) && !r.departed.has(name) &&
			len(plan.UnreadyPods([]string{name}, pods)) == 0 {
			others = append(others, name)
		}
	}
	last := func(name string) int {
		switch {
		case slices.Contains(silent, name):
			return 3
		case nodes[name].Cordoned:
			return 2
		case slices.Contains(r.goes, name):
			return 1
		}
		return 0
	}
	slices.SortFunc(others, func(a, b string) int { return cmp.Or(last(a)-last(b), cmp.Compare(a, b)) })
	for _, name := range others {
		if runs, err := api.KubeVIPRuns(ctx, name); err != nil || runs {
			return name, err
		}
	}
	return "", nil
}
