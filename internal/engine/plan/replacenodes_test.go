package plan_test

import (
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// replacing is a cluster of three workers some of which are to be replaced.
func replacing(names ...string) *model.ClusterSpec {
	s := small(1, 3)
	s.ReplaceNodes = names
	return s
}

func TestNodesToReplaceAreRolled(t *testing.T) {
	t.Parallel()
	p := planned(replacing("c-w-2"), running(1, 3))
	wantSteps(t, p, "create_node c-w-4, delete_node c-w-2")
	wantRollout(t, p, "rollout of w")
	if !says(p.Warnings, `Worker pool "w" is rolled`, "deletes 1 of its nodes", "c-w-2. Differs from the configuration: replace_nodes.") {
		t.Errorf("warnings %v", p.Warnings)
	}
	wantSteps(t, planned(replacing("c-w-3", "c-w-1"), running(1, 3)),
		"create_node c-w-4, delete_node c-w-1, create_node c-w-5, delete_node c-w-3")
}

// Nodes of a gateway are replaced as those of a control plane: one that works after its
// successor has joined, and one that does not before, while the others keep the quorum.
func TestNodesOfAGatewayAreReplaced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		count    int
		sick     string
		replaces []string
		want     string
		refused  string
	}{
		"one that works":        {3, "", []string{"c-cp-2"}, "create_node c-cp-4, delete_node c-cp-2", ""},
		"the only one":          {1, "", []string{"c-cp-1"}, "create_node c-cp-2, delete_node c-cp-1", ""},
		"one that is not Ready": {3, "c-cp-2", []string{"c-cp-2"}, "delete_node c-cp-2, create_node c-cp-4", ""},
		"one of two that do not work": {3, "c-cp-2", []string{"c-cp-2", "c-cp-3"},
			"delete_node c-cp-2, create_node c-cp-4, create_node c-cp-5, delete_node c-cp-3", ""},
		"the only one, whose API answers": {1, "c-cp-1", []string{"c-cp-1"}, "create_node c-cp-2, delete_node c-cp-1", ""},
		"one that never was":              {3, "", []string{"c-cp-9"}, "", "never had"},
	} {
		s, f := small(c.count, 0), running(c.count, 0)
		s.Kind = record.KindGateway
		s.ReplaceNodes = c.replaces
		if c.sick != "" {
			ill(f, c.sick, time.Minute)
		}
		p := planned(s, f.PlanInputs())
		if c.refused != "" {
			if !says(on(p.Problems, model.ClusterField(model.FieldReplaceNodes)), c.refused) {
				t.Errorf("%s: problems %v", name, p.Problems)
			}
			continue
		}
		if names(p) != c.want || p.Err() != nil {
			t.Errorf("%s: %s, %v", name, names(p), p.Problems)
		}
	}
	// Where etcd says that the quorum would go, it is refused.
	s, f := small(3, 0), running(3, 0)
	s.Kind = record.KindGateway
	s.ReplaceNodes = []string{"c-cp-2"}
	ill(f, "c-cp-2", time.Minute)
	l := limitsFor(s, 100)
	l.Etcd = model.Etcd{Asked: true, Members: sick(members("c-cp-1", "c-cp-2", "c-cp-3"), "c-cp-2", "c-cp-3")}
	if p := checked(s, f, l); !says(on(p.Problems, controlPlane), `"c-cp-2" is not Ready`, "1 of the 2 other members of etcd is healthy") {
		t.Errorf("problems %v", p.Problems)
	}
}

// A name stays in the configuration after its node has gone, and then means nothing.
func TestNodeThatWasReplacedIsNotReplacedAgain(t *testing.T) {
	t.Parallel()
	f := running(1, 4)
	lose(f, "c-w-2")
	delete(f.API.Nodes, "c-w-2")
	f.Gone = nil
	for i, c := range f.Claims {
		if c.Owner == "c-w-2" {
			f.Claims = append(f.Claims[:i], f.Claims[i+1:]...)
			break
		}
	}
	p := planned(replacing("c-w-2"), f.PlanInputs())
	wantSteps(t, p, "")
	wantWarnings(t, p, 0)
	// Neither is one of a pool that was removed.
	f.Record.Counters["x"] = 3
	wantSteps(t, planned(replacing("c-x-2"), f.PlanInputs()), "")
	// Without a record, the newest of the nodes that had a name is not known.
	f.Record.Found = false
	if p := planned(replacing("c-w-9"), f); says(p.Problems, "not found") {
		t.Errorf("problems %v", p.Problems)
	}
}

// Nodes that are to be replaced, and more than that.
func TestNodeToReplaceThatIsOtherwiseAmiss(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*model.ClusterSpec, *model.Facts)
		want   string
	}{
		"it has not joined: another takes its place": {func(_ *model.ClusterSpec, f *model.Facts) {
			delete(f.API.Nodes, "c-w-2")
			f.Record.Pending = map[string][]int{"w": {2}}
		}, "delete_node c-w-2, create_node c-w-4"},
		"its VM is gone":       {func(_ *model.ClusterSpec, f *model.Facts) { lose(f, "c-w-2") }, "remove_lost_node c-w-2, create_node c-w-4"},
		"its VM is not seen":   {func(_ *model.ClusterSpec, f *model.Facts) { hide(f, "c-w-2") }, ""},
		"the API is silent":    {func(_ *model.ClusterSpec, f *model.Facts) { unreachable(f) }, ""},
		"the pool is one less": {func(s *model.ClusterSpec, _ *model.Facts) { s.Workers[0].Count = 2 }, "delete_node c-w-2"},
		"its pool is removed": {func(s *model.ClusterSpec, _ *model.Facts) { s.Workers = nil },
			"delete_node c-w-1, delete_node c-w-2, delete_node c-w-3"},
		"its successor is there": {func(_ *model.ClusterSpec, f *model.Facts) {
			join(f, nodePool("w", 3), 0, 4)
			f.Record.Counters["w"] = 5
		}, "delete_node c-w-2"},
	} {
		s, f := replacing("c-w-2"), running(1, 3)
		c.change(s, f)
		p := planned(s, f)
		if got := names(p); got != c.want || p.Err() != nil {
			t.Errorf("%s: got %q (%v), want %q", name, got, p.Err(), c.want)
		}
	}
}

func TestNodeToReplaceThatNeverWasIsRefused(t *testing.T) {
	t.Parallel()
	field := model.ClusterField(model.FieldReplaceNodes)
	for _, name := range []string{"c-w-4", "c-w-04", "w-1", "d-w-1", "c-x-1", "c-w-1.example.com", "c-w-0", "c-cp-2"} {
		p := planned(replacing("c-w-1", name), running(1, 3))
		if !says(on(p.Problems, field), "Node to replace not found", `: "`+name+`".`, "Its nodes: c-cp-1, c-w-1, c-w-2, c-w-3.") {
			t.Errorf("%s: %v", name, p.Problems)
		}
	}
	// A creation would make the node, and the plan after it replace it.
	p := planned(replacing("c-w-1"), &model.Facts{})
	if !says(on(p.Problems, field), "No nodes to replace", `Remove "c-w-1".`) {
		t.Errorf("in a creation: %v", p.Problems)
	}
}

func TestControlPlaneNodeToReplaceIsRolled(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 3} {
		s := small(count, 1)
		s.ReplaceNodes = []string{"c-cp-1"}
		next := model.NodeName("", "c", model.ControlPlanePool, count+1)
		p := planned(s, running(count, 1))
		wantSteps(t, p, "create_node "+next+", delete_node c-cp-1")
		if !says(p.Warnings, "The control plane is rolled", "replace_nodes") {
			t.Errorf("warnings %v", p.Warnings)
		}
	}
}
