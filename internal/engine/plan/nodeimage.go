package plan

import (
	"cmp"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
)

// NodeImage is the plan of an image that is no cluster's: to make it, unless it is there.
func NodeImage(spec *model.ClusterSpec, site model.Site) *model.Plan {
	p := &model.Plan{}
	if site.Template.Ref == "" {
		p.Stages = []model.Stage{{Name: "images", Steps: []model.Step{spec.Image.Step()}}}
	}
	return p
}

// CheckNodeImage adds to such a plan what the limits have against it. Where the image is there, only
// what is wrong with it matters, and that its IP pool is there.
func CheckNodeImage(spec *model.ClusterSpec, facts *model.Facts, p *model.Plan, limits *model.Limits) {
	c := nodeImageCheck(spec, facts, p, limits)
	p.Add(vcenterFindings(spec, limits.APIVersion))
	p.MissingIPPools = c.missingIPPools() // of one that is there, too: its next replacement needs them
	if p.Empty() {
		p.Add(ofImage(limits.Findings))
		return
	}
	p.Add(limits.Findings)
	p.Add(c.budget())
	p.Add(c.ipPools())
	p.Add(c.builderDocument())
	p.Add(c.lacking(c.nodeImageObjects()))
}

func nodeImageCheck(spec *model.ClusterSpec, facts *model.Facts, p *model.Plan, limits *model.Limits) check {
	c := newCheck(spec, facts, p, limits)
	c.builds[model.ControlPlanePool] = true // what the checks of clusters call the placement
	return c
}

// ofImage keeps of findings those that are about the template, its folder and its datacenter.
func ofImage(f model.Findings) model.Findings {
	about := func(finding model.Finding) bool {
		return !slices.ContainsFunc(finding.Fields, func(field model.Field) bool {
			return field.NodePool == "" && slices.Contains([]model.FieldName{
				model.FieldTemplate, model.FieldImageFolder, model.FieldDatacenter,
			}, field.Name)
		})
	}
	return model.Findings{
		Problems: slices.DeleteFunc(slices.Clone(f.Problems), about),
		Warnings: slices.DeleteFunc(slices.Clone(f.Warnings), about),
	}
}

// NodeImagePrivileges is Privileges for such a plan.
func NodeImagePrivileges(spec *model.ClusterSpec, facts *model.Facts, p *model.Plan, site model.Site) map[string][]string {
	if p.Empty() {
		return nil
	}
	return idsOf(nodeImageCheck(spec, facts, p, &model.Limits{Site: site}).nodeImageObjects())
}

// nodeImageObjects are the objects of the site that making the image touches, those that were found.
func (c check) nodeImageObjects() []privilegedObject {
	objects := []privilegedObject{c.imageFolderObject()}
	if base := c.limits.Site.Base; base.Ref != "" {
		objects = append(objects, privilegedObject{
			ref: base.Ref, name: base.Path, kind: privileges.Template, field: model.ClusterField(model.FieldTemplate),
			uses: privileges.Case{ClonesVM: base.IsVM},
		})
	}
	ref := model.ImportPlacement
	found := c.limits.Site.Placements[ref]
	place := c.place(ref)
	stored, _ := place.Storage()
	uses := privileges.Case{ImportsImage: c.spec.Image.Source().Made()}
	add := func(reference, name string, kind privileges.Object, field model.FieldName) {
		objects = append(objects, privilegedObject{ref: reference, name: name, kind: kind, field: ref.Field(field), uses: uses})
	}
	for _, choice := range found.Choices {
		add(choice.Ref, choice.Name, privileges.Datastore, stored)
	}
	add(found.Datastore, place.Datastore, privileges.Datastore, stored)
	add(found.Network.Ref, place.Network, privileges.Network, model.FieldNetwork)
	add(found.ResourcePool, cmp.Or(place.ResourcePool, place.ComputeCluster), privileges.ResourcePool, model.FieldResourcePool)
	return slices.DeleteFunc(objects, func(o privilegedObject) bool { return o.ref == "" })
}
