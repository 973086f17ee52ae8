package engine

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// checkImages adds to what was found of the names of a spec that an OVA of which a template
// has to be made is not there.
func (e *Engine) checkImages(spec *model.ClusterSpec, w *observe.World, p *model.Plan) {
	imports := slices.ContainsFunc(p.Steps(), func(s model.Step) bool { _, ok := s.(model.ImportImage); return ok })
	if !imports || e.Images == nil {
		return
	}
	for _, pool := range append(spec.NodePools(), spec.LoadBalancerPool()) {
		image := spec.ImageOf(pool)
		if image.OVA == nil || w.Limits.Site.TemplateOf(pool).Ref != "" {
			continue
		}
		if err := e.Images.Check(*image.OVA); err != nil {
			w.Limits.Findings.Refuse(plan.TemplateField(pool), "The OVA is not there",
				"The image %q has to be imported from it, and %s. Set the path of the OVA on the machine that runs Terraform, or its URL.",
				image.Template, err)
		}
	}
}
