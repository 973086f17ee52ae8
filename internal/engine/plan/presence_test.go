package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// A worker that is not Ready and whose VM vCenter neither shows nor calls gone keeps its
// place, its claim and its node object, whether the API answers or not.
func TestPlanKeepsANodeWhoseVMIsNotSeen(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	hide(f, "c-w-1")
	for name, facts := range map[string]*model.Facts{
		"the API answers": f,
		"it does not":     unreachable(clone(f)),
		"remembered":      f.PlanInputs(),
	} {
		p := planned(small(1, 2), facts)
		if names(p) != "" || p.Err() != nil || !says(p.Warnings, "not visible", "c-w-1 (vm-1: no right to look there)") {
			t.Errorf("%s: got %q, %v", name, names(p), p.Warnings)
		}
	}
	// A pool that was taken out keeps it, too.
	s := small(1, 0)
	s.Workers = nil
	wantSteps(t, planned(s, f), "delete_node c-w-2")
	// And one more node gets another name.
	wantSteps(t, planned(small(1, 3), f), "create_node c-w-3")
}

func clone(f *model.Facts) *model.Facts {
	c := *f
	return &c
}

// A node without a VM whose reference is not known is no proof either.
func TestPlanKeepsANodeOfWhichNoReferenceIsKnown(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	lose(f, "c-w-1")
	f.Gone = nil
	p := planned(small(1, 2), f)
	wantSteps(t, p, "")
	if !says(p.Warnings, "Node without a visible VM", `"c-w-1"`, "kubectl delete node") {
		t.Errorf("warnings %v", p.Warnings)
	}
	// As the warning says: with the node object gone, another one is built.
	delete(f.API.Nodes, "c-w-1")
	wantSteps(t, planned(small(1, 2), f), "release_address c-w-1, create_node c-w-3")
}

func TestPlanLeavesANodeAloneThatAnswersAlthoughItsVMIsGone(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	lose(f, "c-w-1")
	f.API.Nodes["c-w-1"] = model.KubeNode{Name: "c-w-1", Ready: true}
	p := planned(small(1, 2), f)
	wantSteps(t, p, "")
	if !says(p.Warnings, "Ready without a VM", `"c-w-1"`) {
		t.Errorf("warnings %v", p.Warnings)
	}
}

// A control-plane VM that is not seen is a member, and no node is added in its stead.
func TestPlanCountsAControlPlaneVMThatIsNotSeen(t *testing.T) {
	t.Parallel()
	f := running(3, 0)
	hide(f, "c-cp-2")
	p := planned(small(3, 0), f)
	wantSteps(t, p, "")
	if says(p.Warnings, "A control-plane VM is gone") {
		t.Errorf("warnings %v", p.Warnings)
	}
}

func TestDestroyLeavesWhatItDoesNotSee(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	hide(f, "c-w-1")
	p := destroyed(f)
	wantSteps(t, p, "delete_node c-w-2, delete_node c-cp-1, release_endpoint c")
	if !says(p.Warnings, "c-w-1 (vm-1: no right to look there)", "with their addresses: 10.10.200.4 (c-w-1)", "destroy again") {
		t.Errorf("warnings %v", p.Warnings)
	}
	// The VIP may be on a control-plane VM that is not seen.
	f = running(3, 0)
	hide(f, "c-cp-3")
	wantSteps(t, destroyed(f), "delete_node c-cp-1, delete_node c-cp-2")
	// What vCenter calls gone holds nothing.
	f = running(1, 1)
	lose(f, "c-w-1")
	wantSteps(t, destroyed(f), "delete_node c-cp-1, release_address c-w-1, release_endpoint c, delete_record c")
}

func TestStatusNamesVMsThatAreNotSeen(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	hide(f, "c-w-1")
	got := plan.Status(small(1, 2), f, nil, today)
	if len(got.Nodes) != 3 || got.Nodes[1].Name != "c-w-1" ||
		got.Nodes[1].VM != "VirtualMachine:vm-1" || got.Nodes[1].Address != "10.10.200.4" {
		t.Errorf("nodes %+v", got.Nodes)
	}
	message := got.Conditions[0].Message
	if !strings.Contains(message, "not visible: c-w-1 (vm-1: ") || !strings.Contains(message, "1 of 2 VMs") {
		t.Errorf("message %q", message)
	}
}

func TestManyNamesAreCutShort(t *testing.T) {
	t.Parallel()
	var words []string
	for i := range 13 {
		words = append(words, fmt.Sprint("n", i))
	}
	for n, want := range map[int]string{1: "n0", 2: "n0, n1", 11: "n9, n10", 12: "n9, and 2 more", 13: "n9, and 3 more"} {
		if got := model.Listed(words[:n]); !strings.HasSuffix(got, want) {
			t.Errorf("of %d: %s", n, got)
		}
	}
}
