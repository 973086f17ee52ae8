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

// vipAPI is an API with the Lease of kube-vip. Who holds the VIP renews the Lease between two
// looks, and whoever is named in it takes it before the look after the next.
type vipAPI struct {
	etcdAPI
	pods    []model.ControlPlanePod
	down    []string     // kube-vip does not run there
	lost    map[int]bool // namings whose answer is lost
	beaten  map[int]bool // namings before which the holder renews the Lease
	stuck   bool         // the holder does not renew the Lease
	expires string       // which node takes the VIP once none has it
	returns string       // who takes the VIP when the one that was named does not
	once    bool         // only once
	named   []string
	at      []time.Time // when
	began   []time.Time // when the look before began
	looked  time.Time   // the last time
	renewed bool        // right before the first naming
	looks   int         // since the last naming
}

func (a *vipAPI) ControlPlanePods(context.Context) ([]model.ControlPlanePod, error) {
	return a.pods, nil
}

func (a *vipAPI) KubeVIPRuns(_ context.Context, node string) (bool, error) {
	return !slices.Contains(a.down, node), nil
}

func (a *vipAPI) VIP(context.Context) (model.VIP, error) {
	a.looks++
	a.looked = time.Now()
	switch {
	case a.vip.Holder == "", a.looks == 1, a.stuck && len(a.named) == 0:
	case a.vip.Holder == model.VIPUnheld && a.expires != "":
		a.renew(a.expires)
	case a.vip.Holder == model.VIPUnheld:
	case a.vip.Holder != "c-cp-1" && a.returns != "":
		a.renew(a.returns)
		if a.once {
			a.returns = ""
		}
	default:
		a.renew(a.vip.Holder)
	}
	return a.vip, nil
}

func (a *vipAPI) renew(holder string) {
	a.vip.Holder = holder
	a.vip.Renewed = a.vip.Renewed.Add(2 * time.Second)
	a.vip.Version += "."
}

func (a *vipAPI) NameVIPHolder(_ context.Context, vip model.VIP, holder string) error {
	attempt := len(a.named)
	if attempt == 0 {
		a.renewed = a.looks > 1
	}
	a.named = append(a.named, holder)
	a.at = append(a.at, time.Now())
	a.began = append(a.began, a.looked)
	if a.beaten[attempt] {
		a.renew(a.vip.Holder)
	}
	if vip.Version != a.vip.Version {
		return errors.New("the object has been modified")
	}
	a.vip.Holder = holder
	a.vip.Version += "."
	a.looks = 0
	if a.lost[attempt] {
		return errors.New("the answer is lost")
	}
	return nil
}

// The VIP leaves a node before that stops to serve: none is named its holder when the node has
// just renewed the Lease, and when that is about to let go of the address one that takes it.
func TestVIPIsHandedOver(t *testing.T) {
	t.Parallel()
	const node, second, third, unheld = "c-cp-1", "c-cp-2", "c-cp-3", model.VIPUnheld
	for name, c := range map[string]struct {
		change  func(*vipAPI)
		deletes []string
		named   []string
		holder  string
		fails   string
	}{
		"to one that serves":           {named: []string{unheld, second}, holder: second},
		"to one that stays":            {deletes: []string{node, second}, named: []string{unheld, third}, holder: third},
		"to one that goes, if need be": {deletes: []string{second, third}, named: []string{unheld, second}, holder: second},
		"to one that is Ready":         {change: func(a *vipAPI) { a.nodes[1].Ready = false }, named: []string{unheld, third}, holder: third},
		"to one that is not cordoned":  {change: func(a *vipAPI) { a.nodes[1].Cordoned = true }, named: []string{unheld, third}, holder: third},
		"to a cordoned one, if need be": {
			change: func(a *vipAPI) { a.nodes[1].Cordoned, a.nodes = true, a.nodes[:2] }, named: []string{unheld, second}, holder: second,
		},
		"to one whose API server serves": {change: func(a *vipAPI) { a.pods[4].Ready = false }, named: []string{unheld, third}, holder: third},
		"to one whose kube-vip runs":     {change: func(a *vipAPI) { a.down = []string{second} }, named: []string{unheld, third}, holder: third},
		"no kube-vip runs elsewhere":     {change: func(a *vipAPI) { a.down = []string{second, third} }, holder: node},
		"another one has it":             {change: func(a *vipAPI) { a.vip.Holder = third }, holder: third},
		"none has it yet":                {change: func(a *vipAPI) { a.vip = model.VIP{} }},
		"it is alone":                    {change: func(a *vipAPI) { a.nodes = a.nodes[:1] }, holder: node},
		"it does not renew the Lease":    {change: func(a *vipAPI) { a.stuck = true }, named: []string{unheld, second}, holder: second},
		"renewed meanwhile": {
			change: func(a *vipAPI) { a.beaten = map[int]bool{0: true, 1: true} },
			named:  []string{unheld, unheld, unheld, second}, holder: second,
		},
		"the answers are lost": {
			change: func(a *vipAPI) { a.lost = map[int]bool{0: true, 1: true} }, named: []string{unheld, second}, holder: second,
		},
		"a run was killed": {change: func(a *vipAPI) { a.vip.Holder, a.expires = unheld, third }, holder: third},
		"the Lease ends":   {change: func(a *vipAPI) { a.expires = third }, named: []string{unheld}, holder: third},
		"a third one takes it": {
			change: func(a *vipAPI) { a.returns = third }, named: []string{unheld, second}, holder: third,
		},
		"it has it again": {
			change: func(a *vipAPI) { a.returns, a.once = node, true }, named: []string{unheld, second, unheld, third}, holder: third,
		},
		"it has it again and again": {
			change: func(a *vipAPI) { a.returns = node }, named: []string{unheld, second, unheld, third}, holder: node,
			fails: "c-cp-1 keeps the VIP, and with it the cluster its endpoint: kube-vip did not take it on c-cp-2, c-cp-3",
		},
		"the only other one does not take it": {
			change: func(a *vipAPI) { a.returns, a.nodes = node, a.nodes[:2] }, named: []string{unheld, second, unheld, second}, holder: node,
			fails: "kube-vip did not take it on c-cp-2; find out why (kubectl -n kube-system logs kube-vip-c-cp-2)",
		},
		"none takes it": {
			change: func(a *vipAPI) { a.vip.Holder = unheld }, holder: unheld,
			fails: "hand the VIP over before c-cp-1 stops to serve: not within 3s: no node holds the VIP",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &vipAPI{}
			api.vip = model.VIP{Holder: node, Renewed: time.Unix(1000, 0)}
			for _, name := range []string{node, second, third} {
				api.nodes = append(api.nodes, model.KubeNode{Name: name, Ready: true, ControlPlane: true})
				for _, component := range model.ControlPlaneComponents() {
					api.pods = append(api.pods, model.ControlPlanePod{Node: name, Component: component, Ready: true})
				}
			}
			if c.change != nil {
				c.change(api)
			}
			spec := &model.ClusterSpec{}
			spec.Name = "c"
			facts := &model.Facts{API: model.APIFacts{Asked: true, Nodes: map[string]model.KubeNode{node: {Ready: true}}}}
			err := run.HandOverVIP(t.Context(), spec, facts, api, node, c.deletes...)
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v", err)
			}
			if !slices.Equal(api.named, c.named) || api.vip.Holder != c.holder {
				t.Errorf("%q were named, and %q holds the VIP", api.named, api.vip.Holder)
			}
			if len(c.named) > 0 && (!api.renewed && !api.stuck || api.looks == 1) {
				t.Errorf("the holder had not just renewed the Lease (%t), or the run went on before another one had", !api.renewed)
			}
			for i, named := range api.named {
				if named == unheld || i == 0 {
					continue
				}
				// The holder lets go at the end of six tries, and the sixth begins after five.
				if took := api.at[i].Sub(api.began[i-1]); took < 11*run.VIPTiming.VIPRetry/2 {
					t.Errorf("%s was named after %s: the holder would have the address for long", named, took)
				}
			}
		})
	}
}

// Where a load balancer is the endpoint, kube-vip is asked for nothing.
func TestNoVIPIsHandedOverBehindALoadBalancer(t *testing.T) {
	t.Parallel()
	spec := &model.ClusterSpec{Allocation: model.AllocationDHCP}
	if err := run.HandOverVIP(t.Context(), spec, &model.Facts{}, nil, "c-cp-1"); err != nil {
		t.Error(err)
	}
}
