package plan

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// HeldDisks are what keeps VMs of a destruction from being destroyed: disks that the
// engine did not make and that a snapshot holds.
func HeldDisks(facts *model.Facts, limits *model.Limits) []model.Finding {
	var held []model.Finding
	for _, m := range facts.VMs() {
		if finding, ok := heldBy(m, limits, nameField); ok {
			held = append(held, finding)
		}
	}
	return held
}

// heldDisks warns of nodes that the plan deletes and that could not be deleted now. A
// snapshot is often gone by the time of the apply, as those of backups.
func (c check) heldDisks() model.Findings {
	var f model.Findings
	for _, step := range c.plan.Steps() {
		s, ok := step.(model.DeleteNode)
		if !ok {
			continue
		}
		field := nameField
		if pool := s.Machine.Marker.NodePool; c.has(pool) {
			field = model.NodePoolField(pool, "")
		}
		if finding, held := heldBy(s.Machine, c.limits, field); held {
			f.Add(model.Findings{Warnings: []model.Finding{finding}})
		}
	}
	return f
}

func (c check) has(pool string) bool {
	_, ok := c.spec.NodePool(pool)
	return ok
}

func heldBy(m model.Machine, limits *model.Limits, field model.Field) (model.Finding, bool) {
	disks := limits.HeldDisks[m.Ref]
	if len(disks) == 0 {
		return model.Finding{}, false
	}
	why := &model.HeldDisksError{VM: m.Path, Disks: disks}
	return model.NewFinding(field, fmt.Sprintf("Node %s cannot be deleted", m.Marker.Node), "%s", why), true
}
