package plan_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func TestPodNetworkHasARangeForEachNode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pods     string
		workers  int
		strategy model.RollStrategy
		fits     bool
	}{
		{"192.168.0.0/16", 200, "", true},
		{"192.168.0.0/24", 0, "", false}, // one more while nodes are rolled
		{"192.168.0.0/23", 0, "", true},
		{"192.168.0.0/23", 1, "", false},
		{"192.168.0.0/22", 2, "", true},
		{"192.168.0.0/22", 3, "", false},
		{"192.168.0.0/22", 3, model.ContractFirst, false}, // the control plane is rolled, too
		{"2001:db8::/62", 2, "", true},
		{"2001:db8::/62", 3, "", false},
		{"2001:db8::/48", 2000, "", true},
		{"not a network", 3, "", true}, // another check's
	} {
		s := small(1, c.workers)
		s.PodCIDR = c.pods
		s.Workers[0].Strategy = c.strategy
		p := checked(s, &model.Facts{}, limitsFor(s, 5000))
		found := on(p.Problems, model.ClusterField(model.FieldPodCIDR))
		if refused := says(found, "The pod network is too small"); refused == c.fits {
			t.Errorf("%s, %d workers, %q: %v", c.pods, c.workers, c.strategy, p.Problems)
		}
	}
	s := small(1, 6)
	s.PodCIDR = "192.168.0.0/24"
	want := "Each node takes a /24 of the pod network for its pods, and 192.168.0.0/24 has 1 of them; " +
		"7 are needed for the nodes and 1 for rolling them"
	if p := checked(s, &model.Facts{}, limitsFor(s, 100)); len(p.Problems) != 1 || !strings.HasPrefix(p.Problems[0].Detail, want) {
		t.Errorf("got %v", p.Problems)
	}
}

// The network of a running cluster cannot change: it is repaired, and does not grow.
func TestPodNetworkOfARunningCluster(t *testing.T) {
	t.Parallel()
	for workers, want := range map[int]int{2: 0, 3: 1} {
		s := small(1, workers)
		s.PodCIDR = "192.168.0.0/24"
		f := running(1, 2)
		lose(f, "c-w-2")
		p := checked(s, f, limitsFor(s, 100))
		if p.Empty() {
			t.Fatal("nothing is built")
		}
		if got := on(p.Problems, model.NodePoolField("w", model.FieldNodeCount)); len(got) != want || len(p.Problems) != want {
			t.Errorf("%d workers: %v", workers, p.Problems)
		}
	}
}
