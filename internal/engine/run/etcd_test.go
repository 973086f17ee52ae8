package run_test

import (
	"context"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// etcdAPI is an API of which only nodes and members of etcd are asked.
type etcdAPI struct {
	model.API
	nodes   []model.KubeNode
	members []model.EtcdMember
	removed []string
	vip     model.VIP
}

func (a *etcdAPI) VIP(context.Context) (model.VIP, error) { return a.vip, nil }

func (a *etcdAPI) Nodes(context.Context) ([]model.KubeNode, error) { return a.nodes, nil }

func (a *etcdAPI) EtcdMembers(context.Context) ([]model.EtcdMember, error) {
	return slices.Clone(a.members), nil
}

func (a *etcdAPI) RemoveEtcdMember(_ context.Context, id uint64) error {
	i := slices.IndexFunc(a.members, func(m model.EtcdMember) bool { return m.ID == id })
	a.removed = append(a.removed, a.members[i].Name)
	a.members = slices.Delete(a.members, i, i+1)
	return nil
}

// TestMemberIsSweptOnlyWhereItsMachineIsGone has a member of five that does not answer and
// whose node object is gone: it stays as long as vCenter does not say that its VM is.
func TestMemberIsSweptOnlyWhereItsMachineIsGone(t *testing.T) {
	t.Parallel()
	names := []string{"c-cp-1", "c-cp-2", "c-cp-3", "c-cp-4", "c-cp-5"}
	for what, c := range map[string]struct {
		lost  string
		facts func(*model.Facts)
		swept bool
	}{
		"its VM is gone":     {"no answer", func(f *model.Facts) { f.Gone = []model.KnownMachine{{Node: "c-cp-5", Ref: "vm-5"}} }, true},
		"nothing is known":   {"no answer", func(*model.Facts) {}, true},
		"it answers":         {"", func(f *model.Facts) { f.Gone = []model.KnownMachine{{Node: "c-cp-5", Ref: "vm-5"}} }, false},
		"its VM is there":    {"no answer", func(f *model.Facts) { f.Machines = append(f.Machines, machine("c-cp-5")) }, false},
		"its VM is not read": {"no answer", func(f *model.Facts) { f.Unreadable = []string{"c-cp-5"} }, false},
		"its VM is not seen": {"no answer", func(f *model.Facts) {
			f.Unseen = []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-cp-5", Ref: "vm-5"}, Why: "no right to look there"}}
		}, false},
	} {
		api := &etcdAPI{}
		facts := &model.Facts{}
		for i, name := range names {
			api.members = append(api.members, model.EtcdMember{ID: uint64(i + 1), Name: name, Leader: i == 0})
			if name != "c-cp-5" {
				api.nodes = append(api.nodes, model.KubeNode{Name: name, Ready: true})
				facts.Machines = append(facts.Machines, machine(name))
			}
		}
		api.members[4].Error = c.lost
		c.facts(facts)
		err := run.RemoveOrphanMembers(t.Context(), &model.ClusterSpec{Ref: record.Ref{Name: "c"}}, facts, api)
		if err != nil || c.swept != slices.Equal(api.removed, []string{"c-cp-5"}) || !c.swept && len(api.removed) > 0 {
			t.Errorf("%s: removed %v, %v", what, api.removed, err)
		}
	}
}

func machine(node string) model.Machine {
	return model.Machine{Ref: "vm-" + node, PoweredOn: true, Marker: model.Marker{Node: node, NodePool: model.ControlPlanePool}}
}
