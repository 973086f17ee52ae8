package run_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// drainedAPI is an API during whose drain something may become of the members of etcd.
type drainedAPI struct {
	etcdAPI
	meanwhile func(*drainedAPI)
}

func (a *drainedAPI) Drain(context.Context, string, string, time.Duration) error {
	a.meanwhile(a)
	return nil
}

func (a *drainedAPI) MoveEtcdLeader(context.Context, string) error { return nil }

// A node that is not Ready may have a member of etcd that serves. Its drain takes long: what
// is asked before it is asked again after it.
func TestQuorumIsJudgedAgainAfterADrain(t *testing.T) {
	t.Parallel()
	member := func(n uint64, why string) model.EtcdMember {
		return model.EtcdMember{ID: n, Name: model.NodeName("", "c", model.ControlPlanePool, int(n)), Error: why}
	}
	for name, c := range map[string]struct {
		meanwhile func(*drainedAPI)
		why       string
	}{
		"all are well": {meanwhile: func(*drainedAPI) {}},
		"another one falls ill": {
			meanwhile: func(a *drainedAPI) { a.members[4].Error = "no answer" },
			why:       "3 of the 4 other members of etcd are healthy, and removing this one needs 4",
		},
		"it has left meanwhile": {meanwhile: func(a *drainedAPI) { a.members = slices.Delete(a.members, 0, 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &drainedAPI{meanwhile: c.meanwhile}
			facts := &model.Facts{}
			for n := range uint64(5) {
				api.members = append(api.members, member(n+1, ""))
				api.nodes = append(api.nodes, model.KubeNode{Name: api.members[n].Name, Ready: n > 0})
				facts.Machines = append(facts.Machines, machine(api.members[n].Name))
			}
			spec := &model.ClusterSpec{}
			spec.Name = "c"
			err := run.TakeOutUnready(t.Context(), spec, facts, api, model.DeleteNode{Machine: machine("c-cp-1"), LeavesEtcd: true, Drain: true})
			left := slices.ContainsFunc(api.members, func(m model.EtcdMember) bool { return m.Name == "c-cp-1" })
			switch {
			case c.why == "" && (err != nil || left):
				t.Errorf("it is a member: %v; %v", left, err)
			case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why) || !left):
				t.Errorf("it is a member: %v; %v", left, err)
			}
		})
	}
}
