package plan

import (
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Why the placements of a control plane have things in common.
const oneForAll = "The placements of a control plane share one network and one IP pool, since the endpoint moves between them. " +
	"Use one for all."

// endpointPools refuse a second IP pool of the control plane.
func endpointPools(spec *model.ClusterSpec) model.Findings {
	var f model.Findings
	for i, place := range spec.ControlPlane.Placements {
		if first := spec.ControlPlane.Placements[0]; place.IPPoolID != first.IPPoolID {
			f.Refuse(controlPlanePlacement(i).Field(model.FieldIPPool), "Another IP pool of the control plane",
				"This placement has the IP pool %s, and the first one %s. %s", place.IPPoolID, first.IPPoolID, oneForAll)
		}
	}
	return f
}

// controlPlanePlacements refuse a second network of the control plane: names that are spelled
// alike may be those of two.
func (c check) controlPlanePlacements() model.Findings {
	var f model.Findings
	var first model.Network
	for i := range c.spec.ControlPlane.Placements {
		at := controlPlanePlacement(i)
		network := c.limits.Site.Placements[at].Network
		switch {
		case network.Ref == "": // its finding says why
		case first.Ref == "":
			first = network
		case network.Ref != first.Ref:
			f.Refuse(at.Field(model.FieldNetwork), "Another network of the control plane",
				"This placement has the network %q, and the first one %q. %s", network.Path, first.Path, oneForAll)
		}
	}
	return f
}

func controlPlanePlacement(i int) model.PlacementRef {
	return model.PlacementRef{NodePool: model.ControlPlanePool, Index: i}
}
