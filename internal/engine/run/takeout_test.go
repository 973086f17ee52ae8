package run_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// rolledAPI is an API of a control plane of which a node is replaced.
type rolledAPI struct {
	drainedAPI
	pods  []model.ControlPlanePod
	moved []string // nodes from which the leader was moved away, as long as they were members
}

func (a *rolledAPI) ControlPlanePods(context.Context) ([]model.ControlPlanePod, error) {
	return a.pods, nil
}

func (a *rolledAPI) MoveEtcdLeader(_ context.Context, away string) error {
	a.moved = append(a.moved, away)
	for i := range a.members {
		a.members[i].Leader = a.members[i].Name == "c-cp-2"
	}
	return nil
}

func (a *rolledAPI) RemoveEtcdMember(ctx context.Context, id uint64) error {
	for _, m := range a.members {
		if m.ID == id && m.Leader {
			panic("the leader of etcd is taken out")
		}
	}
	return a.drainedAPI.RemoveEtcdMember(ctx, id)
}

func (a *rolledAPI) TakeRenewalLease(context.Context, string) (model.LeaseHolder, error) {
	return model.LeaseHolder{}, nil
}

func (a *rolledAPI) ReleaseRenewalLease(context.Context) error { return nil }

// A control-plane node is replaced only while all others are well, which is judged before its
// pods are evicted; what comes of etcd meanwhile is judged again before its member goes. The
// leader never does.
func TestNodeOfARollLeavesEtcdOnlyWhereTheOthersAreWell(t *testing.T) {
	t.Parallel()
	nothing := func(*rolledAPI) {}
	for name, c := range map[string]struct {
		before    func(*rolledAPI)
		meanwhile func(*rolledAPI)
		why       string
	}{
		"all are well": {nothing, nothing, ""},
		"a static pod is not Ready": {func(a *rolledAPI) {
			i := slices.IndexFunc(a.pods, func(p model.ControlPlanePod) bool { return p.Node == "c-cp-2" && p.Component == "kube-scheduler" })
			a.pods[i].Ready, a.pods[i].Message = false, "CrashLoopBackOff"
		}, nothing, "these are not well: kube-scheduler on c-cp-2 (CrashLoopBackOff)"},
		"a static pod is missing": {func(a *rolledAPI) {
			a.pods = slices.DeleteFunc(a.pods, func(p model.ControlPlanePod) bool {
				return p.Node == "c-cp-3" && p.Component == "kube-controller-manager"
			})
		}, nothing, "kube-controller-manager on c-cp-3"},
		"pods of the node itself do not matter": {func(a *rolledAPI) {
			a.pods = slices.DeleteFunc(a.pods, func(p model.ControlPlanePod) bool { return p.Node == "c-cp-1" })
		}, nothing, ""},
		"another one is on its way out": {
			func(a *rolledAPI) { a.nodes[1].Cordoned = true }, nothing, "these are not well: c-cp-2 (is being deleted)",
		},
		"another one is not Ready": {
			func(a *rolledAPI) { a.nodes[2].Ready, a.nodes[2].Reason = false, "KubeletNotReady" }, nothing, "c-cp-3 (KubeletNotReady)",
		},
		"a member has no node": {func(a *rolledAPI) {
			a.members = append(a.members, model.EtcdMember{ID: 9, Name: "c-cp-9", Error: "no answer"})
		}, nothing, "etcd has 1 members that no control-plane node carries"},
		"a member does not vote": {
			func(a *rolledAPI) { a.members[2].Learner = true }, nothing, "c-cp-3 (a learner, which does not vote yet)",
		},
		"there is no leader": {
			func(a *rolledAPI) { a.members[0].Leader = false }, nothing, "etcd has no leader among its 3 members",
		},
		"a member falls ill while pods are evicted": {
			nothing, func(a *rolledAPI) { a.members[1].Error = "no answer" }, "c-cp-1 stays a member of etcd",
		},
		"the leader comes back while pods are evicted": {nothing, func(a *rolledAPI) {
			a.members[0].Leader, a.members[1].Leader = true, false
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &rolledAPI{}
			api.meanwhile = func(*drainedAPI) { c.meanwhile(api) }
			facts := &model.Facts{API: model.APIFacts{Asked: true, Nodes: map[string]model.KubeNode{}}}
			for n := range 3 {
				node := model.NodeName("", "c", model.ControlPlanePool, n+1)
				api.members = append(api.members, model.EtcdMember{ID: uint64(n + 1), Name: node, Leader: n == 0})
				api.nodes = append(api.nodes, model.KubeNode{Name: node, Ready: true, ControlPlane: true})
				facts.API.Nodes[node] = api.nodes[n]
				facts.Machines = append(facts.Machines, machine(node))
				for _, component := range model.ControlPlaneComponents() {
					api.pods = append(api.pods, model.ControlPlanePod{Node: node, Component: component, Ready: true})
				}
			}
			c.before(api)
			spec := &model.ClusterSpec{}
			spec.Name = "c"
			step := model.DeleteNode{Machine: machine("c-cp-1"), LeavesEtcd: true, Drain: true, Rollout: &model.Rollout{}}
			err := run.TakeOutOfARoll(t.Context(), spec, facts, api, step)
			left := !slices.ContainsFunc(api.members, func(m model.EtcdMember) bool { return m.Name == "c-cp-1" })
			switch {
			case c.why == "" && (err != nil || !left || len(api.moved) == 0):
				t.Errorf("it has left: %v, the leader was moved from %v; %v", left, api.moved, err)
			case c.why != "" && (err == nil || !strings.Contains(err.Error(), c.why) || left):
				t.Errorf("it has left: %v; %v", left, err)
			}
		})
	}
}
