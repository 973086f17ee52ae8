package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// withImages adds the making of images to the stages of a plan, before the first VM is cloned
// from one. Whether the datacenter has an image is not a fact: the step finds it and does
// nothing. Where VMs of the cluster were built from it, there is no step; should it be gone
// since, it is made again with the first node that needs it. An item of a library may have
// another version by then: of it there is a step where the template is not there, too.
func withImages(v view, all []model.Stage) []model.Stage {
	steps := imageSteps(v, &model.Plan{Stages: all})
	at := slices.IndexFunc(all, clones)
	if len(steps) == 0 || at < 0 {
		return all
	}
	return slices.Insert(all, at, model.Stage{Name: "images", Steps: steps})
}

// clones reports whether VMs are cloned in a stage.
func clones(s model.Stage) bool {
	return len(s.Clones) > 0 || slices.ContainsFunc(s.Steps, func(step model.Step) bool {
		switch step.(type) {
		case model.CreateNode, model.CreateLoadBalancer, model.ReplaceLoadBalancer:
			return true
		}
		return false
	})
}

// imageSteps make the images that a plan clones VMs from.
func imageSteps(v view, p *model.Plan) []model.Step {
	var steps []model.Step
	made := map[string]bool{}
	add := func(pool model.NodePool) {
		image := v.spec.ImageOf(pool)
		if !image.Made() || made[image.Digest()] || v.builtAnyFrom(image) {
			return
		}
		made[image.Digest()] = true
		steps = append(steps, image.Step()) // which imports what it is built of, where that is an OVA
	}
	for _, step := range p.Steps() {
		switch s := step.(type) {
		case model.CreateNode:
			add(s.NodePool)
		case model.CreateLoadBalancer, model.ReplaceLoadBalancer:
			add(v.spec.LoadBalancerPool())
		}
	}
	return steps
}

// builtAnyFrom reports whether a VM of the cluster was built from an image, of a library's item
// from its template that is there.
func (v view) builtAnyFrom(image model.Image) bool {
	if item := image.Library; item != nil && item.Content.ID != "" {
		return image.TemplateRef != "" && slices.ContainsFunc(v.facts.VMs(), func(m model.Machine) bool {
			origin, ok := item.Origin(m.Marker.Template)
			return ok && origin.Is(item.Content.ID, item.Content.Version)
		})
	}
	return slices.ContainsFunc(v.facts.VMs(), func(m model.Machine) bool { return builtFrom(image, m.Marker) })
}
