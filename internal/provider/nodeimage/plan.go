package nodeimage

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// ModifyPlan implements resource.ResourceWithModifyPlan: it decides whether a change is another
// image, and refuses what vCenter shows to be impossible.
func (r *imageResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.conn == nil || r.conn.Unconfigured() {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, req, resp)
		return
	}
	p := planning{imageResource: r, resp: resp}
	if !req.State.Raw.IsNull() && req.Plan.Raw.Equal(req.State.Raw) {
		h, _, diags := readHeld(ctx, req.Private)
		resp.Diagnostics.Append(diags...)
		if !h.Gone {
			r.conn.MarkPlanning()
			return
		}
	}
	resp.Diagnostics.Append(req.Plan.Get(ctx, &p.m)...)
	if !req.State.Raw.IsNull() {
		p.prior = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, p.prior)...)
		h, _, diags := readHeld(ctx, req.Private)
		resp.Diagnostics.Append(diags...)
		p.held = h
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if p.prior != nil && p.held.Gone {
		p.replace(ctx, path.Root("id"))
		return
	}
	former, replaces, diags := readHeld(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if p.prior == nil && replaces && r.conn.Planning() && !r.conn.Applying() {
		p.warnOfReplacement(ctx, former)
	}
	if !enginecrud.InputsKnown(req.Config) {
		p.unknown(ctx)
		return
	}
	if p.prior == nil && r.conn.Applying() {
		return // see deposes
	}
	p.run(ctx)
}

// planning is one plan.
type planning struct {
	*imageResource
	resp  *resource.ModifyPlanResponse
	prior *model // nil: a creation
	held  held
	m     model
}

// unknown plans what depends on what is not known yet. What may be another image is replaced: in the
// apply it may turn out to be one, when an update cannot become a replacement any more. It is the
// same image after all where nothing differs then, and is not built anew.
func (p *planning) unknown(ctx context.Context) {
	if p.prior == nil {
		return
	}
	var at []path.Path
	if !known(ctx, p.m.Base) {
		at = append(at, path.Root("base"))
	}
	if !known(ctx, p.m.Build) {
		at = append(at, path.Root("build"))
	}
	if !p.prior.Placement.IsNull() && !p.datacenterOf(p.m).Equal(p.datacenterOf(*p.prior)) {
		at = append(at, path.Root("placement"))
	}
	if len(at) == 0 && (!p.m.Base.Equal(p.prior.Base) || !p.m.Build.Equal(p.prior.Build)) {
		at = p.changedBuild(ctx)
	}
	if len(at) > 0 {
		p.replace(ctx, at...)
	}
}

// known reports whether all of an object is known.
func known(ctx context.Context, o types.Object) bool {
	value, err := o.ToTerraformValue(ctx)
	return err == nil && value.IsFullyKnown()
}

// changedBuild are base and build, where what is known of them is another image: of a template, also
// where it is only spelled otherwise, as it cannot be looked up yet.
func (p *planning) changedBuild(ctx context.Context) []path.Path {
	image, diags := p.m.image(ctx)
	if diags.HasError() || p.prior.Base.IsNull() {
		return nil
	}
	before, diags := p.prior.image(ctx)
	if diags.HasError() {
		return nil
	}
	var at []path.Path
	if image.Digest() != before.Digest() {
		at = append(at, path.Root("build"), path.Root("base"))
	}
	if image.Source().Template != before.Source().Template {
		at = append(at, path.Root("base"))
	}
	return at
}

func (p *planning) datacenterOf(m model) types.String {
	datacenter, ok := m.Placement.Attributes()["datacenter"].(types.String)
	if !ok {
		return types.StringUnknown()
	}
	return datacenter
}

// replace plans another image.
func (p *planning) replace(ctx context.Context, at ...path.Path) {
	p.resp.RequiresReplace = append(p.resp.RequiresReplace, at...)
	p.setUnknown(ctx)
}

// setUnknown marks what another image has otherwise.
func (p *planning) setUnknown(ctx context.Context) {
	for _, name := range []string{"id", "template"} {
		p.resp.Diagnostics.Append(p.resp.Plan.SetAttribute(ctx, path.Root(name), types.StringUnknown())...)
	}
}

func (p *planning) run(ctx context.Context) {
	spec, diags := p.m.spec(ctx)
	p.resp.Diagnostics.Append(diags...)
	if diags.HasError() {
		return
	}
	eng, err := enginecrud.ImageEngine(ctx, p.conn)
	var plan *enginemodel.Plan
	var site enginemodel.Site
	if err == nil {
		plan, site, err = eng.PlanImage(ctx, spec)
	}
	if err != nil {
		p.resp.Diagnostics.Append(diagnostics.FromError("plan", p.m.subject(), err))
		return
	}
	replaced := p.replacedBy(spec, site)
	if len(replaced) > 0 {
		p.replace(ctx, replaced...)
		return // Terraform plans the creation in a call of its own
	}
	if p.prior == nil {
		// What the image is built of, and of which version, stands in its record alone: the apply finds
		// it by then.
		if shown := enginecrud.ShowImage(plan, p.conn, p.m.attributePath); !shown.HasError() || !p.deposes(ctx, eng) {
			p.resp.Diagnostics.Append(shown...)
		}
		p.resp.Diagnostics.Append(enginecrud.CheckBuildTimeout(ctx, plan, p.m.Timeouts, true)...)
		return
	}
	p.resp.Diagnostics.Append(p.ofNames(plan)...)
	p.warnOfBase(spec, site)
}

// deposes reports whether this may be the plan that an apply makes once more of a creation before a
// destruction. An error of it would leave the former image a deposed object, and Terraform would make
// another one; one of the creation itself, which refuses the same, makes it the resource's again. Neither
// the prior state nor the private one is given then: that an image is held by the name tells.
func (p *planning) deposes(ctx context.Context, eng *engine.Engine) bool {
	if p.conn.Planning() {
		return false
	}
	held, err := eng.HoldsNamed(ctx, p.m.Name.ValueString())
	return err == nil && held
}

// replacedBy are the attributes whose change is another image; none: it is the same one.
//
// Terraform replaces only for what differs from the state. Where a name means another object by now, and
// is spelled as before, that alone is no reason.
func (p *planning) replacedBy(spec enginemodel.ClusterSpec, site enginemodel.Site) []path.Path {
	if p.prior == nil || p.held.Digest == "" {
		return nil
	}
	var at []path.Path
	if spec.Image.Digest() != p.held.Digest {
		at = append(at, path.Root("build"), path.Root("base"))
	}
	if !p.sameBase(spec, site) {
		at = append(at, path.Root("base"))
	}
	if site.Datacenter != "" && site.Datacenter != p.held.Datacenter {
		at = append(at, path.Root("placement"))
	}
	return slices.DeleteFunc(at, func(at path.Path) bool {
		switch at.Steps()[0].String() {
		case "base":
			return p.m.Base.Equal(p.prior.Base)
		case "build":
			return p.m.Build.Equal(p.prior.Build)
		}
		return p.m.Placement.Equal(p.prior.Placement)
	})
}

// sameBase reports whether the template is meant that the image was built of. Of an OVA the digest
// says so. One that was renamed is the same; where neither of two names means anything any more,
// they are what is known.
func (p *planning) sameBase(spec enginemodel.ClusterSpec, site enginemodel.Site) bool {
	wanted := spec.Image.Build.Base
	if wanted.OVA != nil || p.baseName() == wanted.Template {
		return true
	}
	if site.BaseRef != "" && p.held.BaseRef != "" {
		return site.BaseRef == p.held.BaseRef
	}
	return inventoryname.MayMatch(p.held.Base, wanted.Template)
}

// baseName is the template of the prior base, as it is spelled; empty after an import.
func (p *planning) baseName() string {
	if p.prior.Base.IsNull() {
		return ""
	}
	name, _ := p.prior.Base.Attributes()["template"].(types.String)
	return name.ValueString()
}

// ofNames are the findings about what an update changes: what is built of it is built another time.
func (p *planning) ofNames(plan *enginemodel.Plan) diag.Diagnostics {
	changed := func(at path.Path) bool {
		switch at.Steps()[0].String() {
		case "placement":
			return !p.m.Placement.Equal(p.prior.Placement)
		case "image_folder":
			return !p.m.ImageFolder.Equal(p.prior.ImageFolder)
		case "ip_pool_id":
			return !p.m.IPPoolID.Equal(p.prior.IPPoolID)
		}
		return false
	}
	about := func(f enginemodel.Finding) bool {
		return !slices.ContainsFunc(f.Fields, func(field enginemodel.Field) bool { return changed(p.m.attributePath(field)) })
	}
	plan.Problems = slices.DeleteFunc(plan.Problems, about)
	plan.Warnings = slices.DeleteFunc(plan.Warnings, about)
	plan.MissingIPPools = slices.DeleteFunc(plan.MissingIPPools, func(pool enginemodel.MissingIPPool) bool {
		return !changed(p.m.attributePath(pool.Field))
	})
	return enginecrud.ShowImage(plan, p.conn, p.m.attributePath)
}

// warnOfBase says where the name of the base means another template by now.
func (p *planning) warnOfBase(spec enginemodel.ClusterSpec, site enginemodel.Site) {
	if site.BaseRef == "" || p.held.BaseRef == "" || site.BaseRef == p.held.BaseRef {
		return
	}
	p.resp.Diagnostics.Append(diagnostics.AttributeWarning(path.Root("base").AtName("template"), "The name of the base means another template",
		fmt.Sprintf("The image was built of another template than %q is now, and stays as it is. To build it of that, replace it: "+
			"`-replace` with its address.", spec.Image.Build.Base.Template)))
}
