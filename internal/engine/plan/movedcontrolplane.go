package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// movedControlPlane refuses to move a running control plane, and to give a gateway
// another image: such nodes are not replaced yet. A placement that is spelled in
// another way, or renamed, is the same.
func movedControlPlane(v view) model.Findings {
	var f model.Findings
	if !v.apiReached() {
		return f
	}
	ref := model.PlacementRef{NodePool: model.ControlPlanePool}
	place := v.spec.ControlPlane.Placements[0]
	built := map[model.FieldName]map[string]bool{}
	for _, m := range v.machines(model.ControlPlanePool) {
		for _, part := range movedParts(place, m.Marker) {
			if built[part] == nil {
				built[part] = map[string]bool{}
			}
			built[part][named(m.Marker, part)] = true
		}
	}
	for _, part := range slices.Sorted(maps.Keys(built)) {
		f.Add(unsupported(v, ref.Field(part), string(part), slices.Sorted(maps.Keys(built[part])), wanted(place, part)))
	}

	images := map[string]bool{}
	for _, m := range v.machines(model.ControlPlanePool) {
		if v.spec.Kind == record.KindGateway && !builtFrom(v.spec.Image, m.Marker) {
			images[m.Marker.Template] = true
		}
	}
	if len(images) > 0 {
		field := model.ClusterField(model.FieldTemplate)
		f.Add(unsupported(v, field, "template", slices.Sorted(maps.Keys(images)), v.spec.Image.Template))
	}
	return f
}

// unsupported refuses to build nodes anew on, or from, what a field says now.
func unsupported(v view, field model.Field, what string, built []string, want string) model.Findings {
	var f model.Findings
	for i, name := range built {
		built[i] = orRoot(name)
	}
	f.Refuse(field, "In-place change not supported",
		"A change of the %s on a running %s is not supported: control-plane nodes are not replaced yet. "+
			"Those of %[2]s %[3]q were built with %[4]s, and %[5]s is not known to be the same object under another name. "+
			"Revert the change, or create another %[2]s with the new value and migrate to it.",
		what, v.spec.Kind, v.spec.Name, model.Listed(built), orRoot(want))
	return f
}

func orRoot(pool string) string {
	if pool == "" {
		return "the root of the compute cluster"
	}
	return fmt.Sprintf("%q", pool)
}

// named is how a marker names a part of its placement.
func named(m model.Marker, part model.FieldName) string {
	return wanted(model.Placement{
		ComputeCluster: m.ComputeCluster,
		Datastore:      m.Datastore,
		Network:        m.Network,
		ResourcePool:   m.ResourcePool,
	}, part)
}

// wanted is how a placement names a part of it.
func wanted(p model.Placement, part model.FieldName) string {
	switch part {
	case model.FieldComputeCluster:
		return p.ComputeCluster
	case model.FieldDatastore:
		return p.Datastore
	case model.FieldNetwork:
		return p.Network
	default:
		return p.ResourcePool
	}
}
