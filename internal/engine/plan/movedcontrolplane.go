package plan

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// movedControlPlane refuses to move a running control plane, and to give a gateway
// another image: such nodes are not replaced yet. What is spelled in another way, or was
// renamed, is the same.
func movedControlPlane(v view) model.Findings {
	var f model.Findings
	if !v.apiReached() {
		return f
	}
	ref := model.PlacementRef{NodePool: model.ControlPlanePool}
	want := objects(v.spec.ControlPlane.Placements[0])
	refused := map[model.FieldName]bool{}
	refuse := func(at model.Field, want, has object) {
		if !refused[want.field] && !want.is(has) {
			refused[want.field] = true
			f.Add(unsupported(v, at, want, has))
		}
	}
	for _, m := range v.machines(model.ControlPlanePool) {
		for i, has := range builtWith(m.Marker) {
			refuse(ref.Field(has.field), want[i], has)
		}
		if v.spec.Kind == record.KindGateway {
			image := object{model.FieldTemplate, v.spec.Image.Template, v.spec.Image.TemplateRef}
			refuse(model.ClusterField(model.FieldTemplate), image, object{model.FieldTemplate, m.Marker.Template, m.Marker.TemplateRef})
		}
	}
	return f
}

// unsupported refuses to build control-plane nodes with another object.
func unsupported(v view, at model.Field, want, has object) model.Findings {
	relation := "is another object"
	switch {
	case want.ref == "":
		relation = "was not found"
	case has.ref == "":
		relation = "is not known to be the same"
	}
	var f model.Findings
	f.Refuse(at, "In-place change not supported",
		"A change of the %s on a running %s is not supported: control-plane nodes are not replaced yet. "+
			"Those of %[2]s %[3]q were built with %[4]s, and %[5]s %[6]s. "+
			"Revert the change, or create another %[2]s with the new value and migrate to it.",
		want.field, v.spec.Kind, v.spec.Name, has.words(), want.words(), relation)
	return f
}

func (o object) words() string {
	if o.field == model.FieldResourcePool && o.name == "" {
		return "the root of the compute cluster"
	}
	return fmt.Sprintf("%q", o.name)
}
