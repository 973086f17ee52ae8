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

// vipAPI is an API with the Lease of kube-vip, which whoever is named in it takes in the look
// after the next, but for nodes whose kube-vip does not run.
type vipAPI struct {
	etcdAPI
	pods    []model.ControlPlanePod
	dead    []string     // kube-vip does not run there
	lost    map[int]bool // namings whose answer is lost
	beaten  map[int]bool // namings before which the holder renews the Lease
	expires string       // who takes the VIP once nobody has it
	named   []string
	at      []time.Time // when
	taken   bool        // the Lease was renewed by whom it names
	looks   int         // since the last naming
}

func (a *vipAPI) ControlPlanePods(context.Context) ([]model.ControlPlanePod, error) {
	return a.pods, nil
}

func (a *vipAPI) VIP(context.Context) (model.VIP, error) {
	a.looks++
	switch {
	case a.vip.Holder == model.VIPUnheld && a.expires != "":
		a.vip.Holder = a.expires
		a.renew()
	case a.looks > 1 && a.vip.Holder != "" && a.vip.Holder != model.VIPUnheld && !slices.Contains(a.dead, a.vip.Holder):
		a.renew()
	}
	return a.vip, nil
}

func (a *vipAPI) renew() {
	a.taken = true
	a.vip.Renewed = a.vip.Renewed.Add(2 * time.Second)
	a.vip.Version += "."
}

func (a *vipAPI) NameVIPHolder(_ context.Context, vip model.VIP, holder string) error {
	attempt := len(a.named)
	a.named = append(a.named, holder)
	a.at = append(a.at, time.Now())
	if a.beaten[attempt] {
		a.renew()
	}
	if vip.Version != a.vip.Version {
		return errors.New("the object has been modified")
	}
	a.vip.Holder = holder
	a.vip.Version += "."
	a.looks = 0
	a.taken = false
	if a.lost[attempt] {
		return errors.New("the answer is lost")
	}
	return nil
}

// The VIP leaves a node before that stops to serve: nobody is named its holder until the node has
// let go of the address, and then one that takes it. Where none does, the node keeps it, and that
// is an error.
func TestVIPIsHandedOver(t *testing.T) {
	t.Parallel()
	const node, second, third, nobody = "c-cp-1", "c-cp-2", "c-cp-3", model.VIPUnheld
	for name, c := range map[string]struct {
		change  func(*vipAPI)
		deletes []string
		named   []string
		holder  string
		fails   string
	}{
		"to one that serves":             {named: []string{nobody, second}, holder: second},
		"to one that stays":              {deletes: []string{node, second}, named: []string{nobody, third}, holder: third},
		"to one that goes, if need be":   {deletes: []string{second, third}, named: []string{nobody, second}, holder: second},
		"to one that is Ready":           {change: func(a *vipAPI) { a.nodes[1].Ready = false }, named: []string{nobody, third}, holder: third},
		"to one that nobody cordoned":    {change: func(a *vipAPI) { a.nodes[1].Cordoned = true }, named: []string{nobody, third}, holder: third},
		"to a cordoned one, if need be":  {change: func(a *vipAPI) { a.nodes[1].Cordoned, a.nodes = true, a.nodes[:2] }, named: []string{nobody, second}, holder: second},
		"to one whose API server serves": {change: func(a *vipAPI) { a.pods[4].Ready = false }, named: []string{nobody, third}, holder: third},
		"another one has it":             {change: func(a *vipAPI) { a.vip.Holder = third }, holder: third},
		"nobody has it yet":              {change: func(a *vipAPI) { a.vip = model.VIP{} }},
		"it is alone":                    {change: func(a *vipAPI) { a.nodes = a.nodes[:1] }, holder: node},
		"renewed meanwhile": {
			change: func(a *vipAPI) { a.beaten = map[int]bool{0: true, 1: true} },
			named:  []string{nobody, nobody, nobody, second}, holder: second,
		},
		"the answers are lost": {
			change: func(a *vipAPI) { a.lost = map[int]bool{0: true, 1: true} }, named: []string{nobody, second}, holder: second,
		},
		"a run was killed": {change: func(a *vipAPI) { a.vip.Holder = nobody }, named: []string{second}, holder: second},
		"the Lease ends":   {change: func(a *vipAPI) { a.expires = third }, named: []string{nobody}, holder: third},
		"one does not take it": {
			change: func(a *vipAPI) { a.dead = []string{second} }, named: []string{nobody, second, third}, holder: third,
		},
		"none takes it": {
			change: func(a *vipAPI) { a.dead = []string{second, third} }, named: []string{nobody, second, third, node}, holder: node,
			fails: "c-cp-1 keeps the VIP, and with it the cluster its endpoint: kube-vip did not take it on c-cp-2, c-cp-3",
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
			began := time.Now()
			err := run.HandOverVIP(t.Context(), spec, facts, api, node, c.deletes...)
			if (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v", err)
			}
			if !slices.Equal(api.named, c.named) || api.vip.Holder != c.holder || c.fails == "" && len(c.named) > 0 && !api.taken {
				t.Errorf("%q were named, and %q holds the VIP (taken: %t)", api.named, api.vip.Holder, api.taken)
			}
			for i, named := range api.named {
				if named != nobody && i > 0 && api.named[i-1] == nobody {
					began = api.at[i-1]
				}
				if named == second && api.at[i].Sub(began) < run.VIPTiming.VIPRelease {
					t.Errorf("%s was named %s after nobody: both would have the address", named, api.at[i].Sub(began))
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
