package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// checkImages adds to what was found of the names of a spec that an OVA of which a template
// has to be made is not there, and that an item's licenses are not accepted.
func (e *Engine) checkImages(ctx context.Context, spec *model.ClusterSpec, w *observe.World, p *model.Plan) {
	if !slices.ContainsFunc(p.Steps(), makesImage) {
		return
	}
	e.checkLicenses(ctx, spec, w)
	sayVersions(spec, w)
	if e.Images == nil {
		return
	}
	for _, pool := range append(spec.NodePools(), spec.LoadBalancerPool()) {
		image := spec.ImageOf(pool).Source()
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

// makesImage reports whether a step makes an image.
func makesImage(s model.Step) bool {
	switch s.(type) {
	case model.ImportImage, model.BuildImage:
		return true
	}
	return false
}

// sayVersions warns which version of an item is deployed where none is set: that it has in the
// plan. What it has in the apply, none can say before.
func sayVersions(spec *model.ClusterSpec, w *observe.World) {
	said := map[string]bool{}
	for _, pool := range append(spec.NodePools(), spec.LoadBalancerPool()) {
		image := spec.ImageOf(pool)
		item := image.Library
		if item == nil || item.Version != "" || item.Content.ID == "" || w.Limits.Site.TemplateOf(pool).Ref != "" || said[image.Digest()] {
			continue
		}
		said[image.Digest()] = true
		w.Limits.Findings.Warn(plan.TemplateField(pool), fmt.Sprintf("Version %s of item %q is deployed", item.Content.Version, item.Item),
			"The content library %q has version %s of %q now. Without a version that is set, the apply deploys the one that the library has by "+
				"then. To deploy this one or none, set version = %[2]q.", item.Library, item.Content.Version, item.Item)
	}
}

// checkLicenses refuses items of libraries whose licenses have to be accepted first, where
// vCenter says so: what it does not say now, the import finds out.
func (e *Engine) checkLicenses(ctx context.Context, spec *model.ClusterSpec, w *observe.World) {
	into := w.Limits.Site.Placements[model.ImportPlacement].ResourcePool
	read := map[string]int{}
	for _, pool := range append(spec.NodePools(), spec.LoadBalancerPool()) {
		image := spec.ImageOf(pool)
		item := image.Library
		if item == nil || item.AcceptEULAs || item.Content.Type != model.LibraryOVF || !item.Content.Cached || into == "" ||
			w.Limits.Site.TemplateOf(pool).Ref != "" {
			continue
		}
		n, known := read[item.Content.ID]
		if !known {
			n, _ = e.Reader.Licenses(ctx, image, into)
			read[item.Content.ID] = n
		}
		if n > 0 {
			w.Limits.Findings.Refuse(plan.TemplateField(pool), "License agreements are not accepted",
				"The item %s has license agreements, %d, that whoever deploys it has to accept. Read them in the vSphere Client, and set "+
					"accept_eulas = true.", item.Title(), n)
		}
	}
}
