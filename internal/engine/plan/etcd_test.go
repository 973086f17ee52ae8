package plan_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// members of etcd, one a name; what is after a colon is why one is not healthy.
func members(names ...string) []model.EtcdMember {
	var all []model.EtcdMember
	for i, name := range names {
		all = append(all, model.EtcdMember{ID: uint64(i + 1), Name: name, Leader: i == 0})
	}
	return all
}

func sick(all []model.EtcdMember, names ...string) []model.EtcdMember {
	for i, m := range all {
		if slices.Contains(names, m.Name) {
			all[i].Error = "no answer"
			all[i].Leader = false
		}
	}
	return all
}

func TestPlanRefusesToRiskTheQuorum(t *testing.T) {
	t.Parallel()
	learner := members("c-cp-1", "c-cp-2", "c-cp-3")
	learner[2].Learner = true
	leaderless := members("c-cp-1", "c-cp-2", "c-cp-3")
	leaderless[0].Leader = false
	lost := running(3, 0)
	lose(lost, "c-cp-3")
	cloned := unjoined(half(3, 4, 1, 2, 3, 4), 4, false)
	at := slices.IndexFunc(cloned.Machines, func(m model.Machine) bool { return m.Marker.Node == "c-cp-4" })
	cloned.Machines[at].PoweredOn = false
	cloned.Machines[at].Userdata = true
	cloned.Machines[at].Marker.CAFingerprint = cloned.CAFingerprint
	leaving := running(3, 0)
	leaving.API.Nodes["c-cp-2"] = model.KubeNode{Name: "c-cp-2", Ready: true, Unschedulable: true, Cordoned: true}
	for name, c := range map[string]struct {
		spec    *model.ClusterSpec
		facts   *model.Facts
		etcd    model.Etcd
		refuses string // empty: it does not
	}{
		"all are healthy": {grownCPU(3), running(3, 0), model.Etcd{Members: members("c-cp-1", "c-cp-2", "c-cp-3")}, ""},
		"one is not": {grownCPU(3), running(3, 0), model.Etcd{Members: sick(members("c-cp-1", "c-cp-2", "c-cp-3"), "c-cp-2")},
			"2 of 3 members of etcd are healthy; replacing one needs 3. Not healthy: c-cp-2 (no answer)"},
		"one is a learner":       {grownCPU(3), running(3, 0), model.Etcd{Members: learner}, "c-cp-3 (a learner"},
		"one is no member":       {grownCPU(3), running(3, 0), model.Etcd{Members: members("c-cp-1", "c-cp-2")}, "c-cp-3 (not a member)"},
		"none leads":             {grownCPU(3), running(3, 0), model.Etcd{Members: leaderless}, "no leader"},
		"none answers":           {grownCPU(3), running(3, 0), model.Etcd{Error: errors.New("no way")}, "no way"},
		"an orphan":              {grownCPU(3), running(3, 0), model.Etcd{Members: members("c-cp-1", "c-cp-2", "c-cp-3", "")}, ""},
		"nothing is replaced":    {small(3, 0), running(3, 0), model.Etcd{Members: sick(members("c-cp-1", "c-cp-2", "c-cp-3"), "c-cp-2")}, ""},
		"a predecessor has left": {grownCPU(1), half(1, 2, 1, 2), model.Etcd{Members: members("c-cp-2")}, ""},
		"a successor is off":     {grownCPU(3), cloned, model.Etcd{Members: members("c-cp-1", "c-cp-2", "c-cp-3")}, ""},
		"one has left, alone":    {grownCPU(3), leaving, model.Etcd{Members: members("c-cp-1", "c-cp-3")}, ""},
		"one is lost":            {small(3, 0), lost, model.Etcd{Members: sick(members("c-cp-1", "c-cp-2", "c-cp-3"), "c-cp-3")}, ""},
		"one is lost, another ill": {small(3, 0), lost, model.Etcd{Members: sick(members("c-cp-1", "c-cp-2", "c-cp-3"), "c-cp-2", "c-cp-3")},
			"1 of the 2 other members of etcd is healthy, and removing this one needs 2"},
		"one is lost, and rolled": {grownCPU(3), lost, model.Etcd{Members: sick(members("c-cp-1", "c-cp-2", "c-cp-3"), "c-cp-3")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := limitsFor(c.spec, 100)
			l.Etcd = c.etcd
			l.Etcd.Asked = true
			p := checked(c.spec, c.facts, l)
			if c.refuses == "" {
				if p.Err() != nil {
					t.Errorf("problems %v", p.Problems)
				}
				return
			}
			if !says(on(p.Problems, controlPlane), c.refuses) {
				t.Errorf("problems %v", p.Problems)
			}
		})
	}
}

func TestMemberIsRemovedOnlyWhileTheOthersKeepTheirQuorum(t *testing.T) {
	t.Parallel()
	joining := members("a", "b", "")
	joining[2].Learner = true
	for _, c := range []struct {
		members []model.EtcdMember
		node    string
		serving bool
		may     bool
	}{
		{members("a"), "a", true, false}, // never the last one
		{members("a"), "a", false, false},
		{members("a", "b"), "a", true, true},
		{sick(members("a", "b"), "b"), "a", true, false},
		{sick(members("a", "b"), "a"), "a", true, true},
		{sick(members("a", "b", "c"), "a"), "a", false, true},
		{sick(members("a", "b", "c"), "c"), "a", true, false},
		{sick(members("a", "b", "c"), "b", "c"), "b", false, false},
		{sick(members("a", "b", "c", "d", "e"), "a", "b"), "a", false, true},
		{sick(members("a", "b", "c", "d", "e"), "a", "b", "c"), "a", false, false},
		{joining, "a", true, false}, // another one is joining
		{joining, "b", false, true},
		{members("a", "b"), "c", true, true}, // gone already
	} {
		if err := plan.MayRemove(c.members, c.node, c.serving); (err == nil) != c.may {
			t.Errorf("%s of %+v (serving: %v): %v", c.node, c.members, c.serving, err)
		}
	}
	there := func(node string) bool { return node != "b" }
	if got := plan.OrphanMembers(members("a", "b", ""), there); len(got) != 2 || got[0].Name != "b" || got[1].Name != "" {
		t.Errorf("orphans %+v", got)
	}
	if plan.MayRemoveMember(members(""), 1) == nil || plan.MayRemoveMember(members("a", ""), 2) != nil {
		t.Error("the last member may be removed, or one beside it may not")
	}
}

// Nodes that are not Ready may have healthy members: such a one goes only beside others that
// all are, so that those which do not answer go first.
func TestUnreadyNodesAreTakenOutSickMembersFirst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		members []model.EtcdMember
		node    string
		may     bool
	}{
		{members("a", "b", "c", "d", "e"), "a", true},
		{sick(members("a", "b", "c", "d", "e"), "e"), "a", false}, // of a quorum that is near its limit
		{sick(members("a", "b", "c", "d", "e"), "a", "e"), "a", true},
	} {
		if err := plan.MayTakeOut(c.members, c.node); (err == nil) != c.may {
			t.Errorf("%s of %+v: %v", c.node, c.members, err)
		}
	}

	s := small(5, 0)
	s.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 2}
	f := running(5, 0)
	for _, name := range []string{"c-cp-1", "c-cp-4"} {
		f.API.Nodes[name] = model.KubeNode{Name: name, NotReadySince: today.Add(-time.Hour)}
	}
	f.Now = today
	all := []string{"c-cp-1", "c-cp-2", "c-cp-3", "c-cp-4", "c-cp-5"}
	for name, c := range map[string]struct {
		members []model.EtcdMember
		first   string
		refused bool
	}{
		"both answer":      {members(all...), "c-cp-1", false},
		"one does not":     {sick(members(all...), "c-cp-4"), "c-cp-4", false},
		"another does not": {sick(members(all...), "c-cp-5"), "c-cp-1", true},
	} {
		l := limitsFor(s, 100)
		l.Etcd = model.Etcd{Asked: true, Members: c.members}
		p := checked(s, f, l)
		if says(p.Problems, "quorum of etcd is at risk") != c.refused {
			t.Errorf("%s: %v", name, p.Problems)
		}
		steps := plan.SickMembersFirst(stage(t, p, "control plane cleanup").Steps, c.members)
		if len(steps) != 2 || steps[0].Change().Target != c.first {
			t.Errorf("%s: they go as %v", name, steps)
		}
	}
}

// A member whose VM is gone is out of etcd before one whose node is not Ready is judged: it
// is none of the others, which have to be healthy.
func TestUnreadyNodeIsJudgedWithoutTheLostOne(t *testing.T) {
	t.Parallel()
	s := small(5, 0)
	s.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 2}
	f := running(5, 0)
	lose(f, "c-cp-1")
	ill(f, "c-cp-2", time.Hour)
	l := limitsFor(s, 100)
	l.Etcd = model.Etcd{Asked: true, Members: sick(members("c-cp-1", "c-cp-2", "c-cp-3", "c-cp-4", "c-cp-5"), "c-cp-1")}
	wantSteps(t, checked(s, f, l), "remove_lost_node c-cp-1, delete_node c-cp-2, create_node c-cp-6, create_node c-cp-7")
	// Of three others one that does not answer keeps it.
	sick(l.Etcd.Members, "c-cp-3")
	if p := checked(s, f, l); !says(on(p.Problems, controlPlane), `"c-cp-2" is not Ready`, "2 of the 3 other members") {
		t.Errorf("problems %v", p.Problems)
	}
}
