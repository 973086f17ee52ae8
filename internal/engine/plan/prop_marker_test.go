package plan_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// A VM of a newer Gantry, or of a role that this one does not know.
func TestMachineThatIsNotUnderstoodIsNeitherChangedNorDeleted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		f := drawFacts(t)
		drawLeased(t, s, f)
		if len(f.Machines) == 0 {
			return
		}
		m := &f.Machines[rapid.IntRange(0, len(f.Machines)-1).Draw(t, "machine")]
		if rapid.Bool().Draw(t, "newer schema") {
			m.Marker.SchemaVersion = model.MarkerSchema + rapid.IntRange(1, 3).Draw(t, "by")
		} else {
			m.Marker.Role = rapid.SampledFrom([]model.Role{"etcd", "", "Worker"}).Draw(t, "role")
		}
		name := m.Marker.Node
		for what, p := range map[string]*model.Plan{
			"apply":   checked(s, f, limitsFor(s, 1000)),
			"destroy": plan.Destroy(s.Target(), f, &model.Limits{}),
		} {
			if p.Err() == nil || len(p.Steps()) != 0 {
				t.Fatalf("%s with %s: %s", what, name, names(p))
			}
		}
		plan.Status(s, f, nil, today)
	})
}

func TestMachineThatIsNotUnderstoodIsNamedWithItsRoleAndVersion(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	f.Machines[1].Marker.SchemaVersion = model.MarkerSchema + 1
	f.Machines[2].Marker.Role = "etcd"
	for _, p := range []*model.Plan{planned(small(1, 2), f), destroyed(f)} {
		if len(p.Steps()) != 0 || !says(on(p.Problems, nameField), "/dc/vm/c-w-1", "schema version 2", "Upgrade the provider") ||
			!says(on(p.Problems, nameField), "/dc/vm/c-w-2", `role "etcd"`) {
			t.Errorf("got %s, %v", names(p), p.Problems)
		}
	}
}
