package run_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// vipAPI is an API with the Lease of kube-vip. Its holder renews it between two looks, two
// seconds later each time, by a clock that is ahead of that of the node before.
type vipAPI struct {
	etcdAPI
	lost    map[int]bool // hand-overs whose answer is lost
	beaten  map[int]bool // hand-overs beside which the holder renews the Lease
	renewed bool         // by the holder right before a hand-over
	moves   string       // who has the VIP when the first one to take it ends
	dead    string       // a node whose kube-vip does not run
	handed  []string     // to whom
	now     time.Duration
	kept    time.Duration // since the last hand-over
}

func (a *vipAPI) renew() {
	a.now += 2 * time.Second
	clock := time.Duration(a.vip.Holder[len(a.vip.Holder)-1]) * time.Hour
	a.vip.Renewed = time.Unix(0, 0).Add(a.now + clock)
}

func (a *vipAPI) VIP(context.Context) (model.VIP, error) {
	if len(a.handed) > 0 {
		a.kept += 2 * time.Second
	}
	if a.moves != "" && a.kept > 8*time.Second {
		a.vip.Holder = a.moves
		a.moves = ""
		a.kept = 0
		a.renew()
		return a.vip, nil
	}
	justHanded := len(a.handed) > 0 && a.kept <= 2*time.Second
	if a.vip.Holder != "" && a.vip.Holder != a.dead && !justHanded {
		a.renew()
	}
	return a.vip, nil
}

func (a *vipAPI) HandOverVIP(_ context.Context, from, to string) (model.VIP, error) {
	attempt := len(a.handed)
	a.handed = append(a.handed, to)
	if a.beaten[attempt] || a.vip.Holder != from {
		return a.vip, nil
	}
	if a.renewed {
		a.renew()
	}
	a.vip.Holder = to
	a.kept = 0
	if a.lost[attempt] {
		return model.VIP{}, errors.New("the answer is lost")
	}
	return a.vip, nil
}

// The VIP leaves a node before that stops to serve: another one takes it, and has renewed the
// Lease for longer than the old holder tries to. Where nobody takes it, the run goes on and
// says so.
func TestVIPIsHandedOver(t *testing.T) {
	t.Parallel()
	const node, second, third = "c-cp-1", "c-cp-2", "c-cp-3"
	for name, c := range map[string]struct {
		change func(*vipAPI)
		made   []string
		handed []string
		holder string
		warns  string
	}{
		"to one that serves":        {handed: []string{second}, holder: second},
		"to one that the run built": {made: []string{third}, handed: []string{third}, holder: third},
		"to one that is Ready": {
			change: func(a *vipAPI) { a.nodes[1].Ready, a.nodes[1].Reason = false, "NodeStatusUnknown" }, handed: []string{third}, holder: third,
		},
		"to one that stays": {
			change: func(a *vipAPI) { a.nodes[1].Cordoned = true }, handed: []string{third}, holder: third,
		},
		"another one has it": {change: func(a *vipAPI) { a.vip.Holder = third }, holder: third},
		"nobody has it yet":  {change: func(a *vipAPI) { a.vip = model.VIP{} }},
		"it is alone":        {change: func(a *vipAPI) { a.nodes = a.nodes[:1] }, holder: node},
		"renewed meanwhile": {
			change: func(a *vipAPI) { a.beaten = map[int]bool{0: true, 1: true} }, handed: []string{second, second, second}, holder: second,
		},
		"renewed right before": {change: func(a *vipAPI) { a.renewed = true }, handed: []string{second}, holder: second},
		"it has it again":      {change: func(a *vipAPI) { a.moves = node }, handed: []string{second, second}, holder: second},
		"a third one has it":   {change: func(a *vipAPI) { a.moves = third }, handed: []string{second}, holder: third},
		"the answer is lost": {
			change: func(a *vipAPI) { a.lost = map[int]bool{0: true} }, handed: []string{second}, holder: second,
		},
		"kube-vip does not run": {
			change: func(a *vipAPI) { a.dead = second }, handed: []string{second}, holder: second, warns: "c-cp-2 has not taken the VIP yet",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &vipAPI{}
			api.vip = model.VIP{Holder: node, Renewed: time.Unix(1000, 0)}
			for _, name := range []string{node, second, third} {
				api.nodes = append(api.nodes, model.KubeNode{Name: name, Ready: true, ControlPlane: true})
			}
			if c.change != nil {
				c.change(api)
			}
			spec := &model.ClusterSpec{}
			spec.Name = "c"
			facts := &model.Facts{API: model.APIFacts{Asked: true, Nodes: map[string]model.KubeNode{node: {Ready: true}}}}
			warnings, err := run.HandOverVIP(t.Context(), spec, facts, api, node, c.made...)
			if err != nil || !slices.Equal(api.handed, c.handed) || api.vip.Holder != c.holder {
				t.Errorf("handed over to %q, held by %q: %v", api.handed, api.vip.Holder, err)
			}
			warned := strings.Join(warnings, "; ")
			if (warned != "") != (c.warns != "") || !strings.Contains(warned, c.warns) {
				t.Errorf("it warns of %q", warned)
			}
			// A renewal of its own, and then all the time in which the old holder tries.
			if len(c.handed) > 0 && c.warns == "" && api.kept < 14*time.Second {
				t.Errorf("the run goes on %s after the hand-over, as the old holder still has the address", api.kept)
			}
		})
	}
}

// Where a load balancer is the endpoint, kube-vip is asked for nothing.
func TestNoVIPIsHandedOverBehindALoadBalancer(t *testing.T) {
	t.Parallel()
	spec := &model.ClusterSpec{Allocation: model.AllocationDHCP}
	if _, err := run.HandOverVIP(t.Context(), spec, &model.Facts{}, nil, "c-cp-1"); err != nil {
		t.Error(err)
	}
}
