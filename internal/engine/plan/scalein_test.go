package plan_test

import (
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func TestScaleInDeletesNodesThatAreNotReadyAndThenTheNewest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there, count int
		notReady     []string
		want         string
	}{
		"none":                     {there: 3, count: 3},
		"the newest":               {there: 3, count: 2, want: "delete_node c-w-3"},
		"the newest first":         {there: 3, count: 0, want: "delete_node c-w-3, delete_node c-w-2, delete_node c-w-1"},
		"not ready, then newest":   {there: 3, count: 1, notReady: []string{"c-w-1"}, want: "delete_node c-w-1, delete_node c-w-3"},
		"not ready, in between":    {there: 3, count: 2, notReady: []string{"c-w-2"}, want: "delete_node c-w-2"},
		"newest of those unready":  {there: 4, count: 3, notReady: []string{"c-w-1", "c-w-2"}, want: "delete_node c-w-2"},
		"ordinals are not strings": {there: 11, count: 10, want: "delete_node c-w-11"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := running(1, c.there)
			for _, node := range c.notReady {
				f.API.Nodes[node] = model.KubeNode{Name: node}
			}
			wantSteps(t, planned(small(1, c.count), f), c.want)
		})
	}
}

func TestScaleInDrainsForAsLongAsThePoolSays(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.Workers[0].DrainTimeout = time.Minute
	p := planned(s, running(1, 2))
	gone := p.Steps()[0].(model.DeleteNode)
	if !gone.Drain || gone.DrainTimeout != time.Minute || gone.Rollout != nil {
		t.Errorf("got %+v", gone)
	}
}

func TestScaleInClaimsNoAddressOfANodeThatGoes(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	last := len(f.Claims) - 1
	f.Unclaimed = f.Claims[last:]
	f.Claims = f.Claims[:last]
	wantSteps(t, planned(small(1, 1), f), "delete_node c-w-2")
	wantSteps(t, planned(small(1, 2), f), "claim_address c-w-2")
}

func TestNodesOfARemovedPoolAreDrainedAndDeleted(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	f := running(1, 1)
	join(f, nodePool("x", 2), 0, 1)
	join(f, nodePool("x", 2), 0, 2)
	f.Record.Counters["x"] = 3
	p := planned(s, f)
	wantSteps(t, p, "delete_node c-x-1, delete_node c-x-2")
	if gone := p.Steps()[0].(model.DeleteNode); !gone.Drain || gone.DrainTimeout != model.DefaultDrainTimeout {
		t.Errorf("got %+v", gone)
	}
	if p.Numbers.Next["x"] != 3 {
		t.Errorf("the counter of a removed pool stays: %v", p.Numbers.Next)
	}
	lose(f, "c-x-1")
	wantSteps(t, planned(s, f), "remove_lost_node c-x-1, delete_node c-x-2")
}
