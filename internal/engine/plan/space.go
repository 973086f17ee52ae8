package plan

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// space warns of a datastore, or a datastore cluster, that the plan may fill.
func (c check) space(bears *load) model.Findings {
	at := bears.places[0]
	resolved := c.limits.Site.Placements[at]
	room := resolved.Space
	if room == nil {
		return model.Findings{}
	}
	field, name := c.place(at).Storage()
	stored := field
	if field == model.FieldStoragePolicy {
		stored = "storage of the policy"
	}
	left := fmt.Sprintf("%d of %d GB are free", room.FreeGB, room.TotalGB)
	most := c.mostOf(bears)
	switch {
	case bears.most.atOnce > room.FreeGB:
		return warnAt(bears.fields(field), fmt.Sprintf("The %s lacks space", stored),
			"The nodes to be built take %d GB of %s %q at once, swap files included, and %s. "+
				"Free space, choose another one, or ask for fewer or smaller nodes.", bears.most.atOnce, stored, name, left)
	case len(resolved.Choices) > 0 && most > resolved.Choices[0].FreeGB:
		return warnAt(bears.fields(field), fmt.Sprintf("The datastores of the %s lack space", field),
			"A node to be built takes %d GB at once, its swap file included, and of the datastores of %s %q that it can be on none has more "+
				"than %d GB free: all of a node is on one of them. Free space, choose another one, or ask for smaller nodes.",
			most, field, name, resolved.Choices[0].FreeGB)
	case bears.most.grown > room.FreeGB:
		return warnAt(bears.fields(field), fmt.Sprintf("The %s may become full", stored),
			"The nodes to be built take %d GB of %s %q at once, swap files included, "+
				"and %d GB when their thin or linked disks are full: %s. A VM whose datastore is full stops.",
			bears.most.atOnce, stored, name, bears.most.grown, left)
	}
	return model.Findings{}
}

// mostOf is the disk space, in GB, that the largest node of a load takes when it is made.
func (c check) mostOf(bears *load) int64 {
	var most int64
	for _, ref := range bears.places {
		if pool, ok := c.spec.NodePool(ref.NodePool); ok {
			most = max(most, c.amountOf(pool, c.limits.Site.Placements[ref]).atOnce)
		}
	}
	return most
}
