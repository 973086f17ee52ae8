package run_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// slowJoins is an API that knows nodes from a moment on.
type slowJoins struct {
	model.API
	joined time.Time
	nodes  []model.KubeNode
	lists  int
}

func (a *slowJoins) Nodes(context.Context) ([]model.KubeNode, error) {
	a.lists++
	if time.Now().Before(a.joined) {
		return nil, nil
	}
	return a.nodes, nil
}

// TestJoinIsSeenSoon waits for nodes that take any time to join: that they have is seen a
// quarter of it later at most, whatever the number of nodes, with few lists.
func TestJoinIsSeenSoon(t *testing.T) {
	t.Parallel()
	timing := model.DefaultTiming()
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	for duration, lists := range map[time.Duration]int{
		50 * time.Millisecond: 2, time.Second: 8, 3 * time.Second: 15, 30 * time.Second: 33, 5 * time.Minute: 125,
	} {
		for _, count := range []int{1, len(names)} {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				api := &slowJoins{joined: began.Add(duration)}
				var steps []model.CreateNode
				for _, name := range names[:count] {
					api.nodes = append(api.nodes, model.KubeNode{Name: name})
					steps = append(steps, model.CreateNode{Node: name})
				}
				if err := run.WaitJoined(t.Context(), api, timing, steps); err != nil {
					t.Fatal(err)
				}
				late := time.Since(began) - duration
				if late > timing.Tick+min(duration/4, timing.MaxTick*4/3) || api.lists > lists {
					t.Errorf("that %d nodes joined after %s is seen %s late, with %d lists", count, duration, late, api.lists)
				}
			})
		}
	}
}
