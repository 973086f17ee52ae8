package plan_test

import (
	"fmt"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// A node that has not joined keeps the name that its address is claimed for, as do those
// whose VMs are not seen. What gets a number after a change of the template is named by it.
func TestNodesToComeAreNamedByTheTemplate(t *testing.T) {
	t.Parallel()
	s := small(1, 4)
	s.NameTemplate = "{pool}{n}"
	f := running(1, 3)
	f.Record.Counters["w"] = 5
	f.Record.Pending = map[string][]int{"w": {4}}
	claim(f, poolID, "c-w-4")
	lose(f, "c-w-3") // lost by vCenter, and known to the API by its old name
	p := planned(s, f)
	wantSteps(t, p, "remove_lost_node c-w-3, create_node c-w-4, create_node w5")
	const want = "[{Template: From:map[]} {Template:{pool}{n} From:map[cp:2 w:5]}]"
	if got := fmt.Sprintf("%+v", p.Numbers.NameTemplates); got != want {
		t.Errorf("templates %s, want %s", got, want)
	}

	f = running(1, 4)
	f.Record.NameTemplates = p.Numbers.NameTemplates
	f.Record.Counters["w"] = 6
	s.ReplaceNodes = []string{"c-w-2", "w5"} // w5 was one, which is gone
	p = planned(s, f)
	wantSteps(t, p, "create_node w6, delete_node c-w-2")
	s.ReplaceNodes = []string{"w4"} // its name is c-w-4
	if p = planned(s, f); !says(on(p.Problems, model.ClusterField(model.FieldReplaceNodes)), "Node to replace not found") {
		t.Errorf("problems %v", p.Problems)
	}
}
