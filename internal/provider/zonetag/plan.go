package zonetag

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// ModifyPlan implements resource.ResourceWithModifyPlan: it finds the object, so that another
// name of the same one replaces nothing, and refuses what vCenter shows to be impossible.
func (r *tagResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.conn == nil || req.Plan.Raw.IsNull() || r.conn.Unconfigured() {
		return
	}
	p := planning{conn: r.conn, resp: resp}
	resp.Diagnostics.Append(req.Plan.Get(ctx, &p.m)...)
	if !req.State.Raw.IsNull() {
		p.prior = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, p.prior)...)
	}
	if resp.Diagnostics.HasError() || !p.m.namesKnown() {
		return
	}
	var err error
	if p.vcenter, err = r.conn.VCenter(ctx); err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("plan", p.m.subject(), err))
		return
	}
	if !p.find(ctx) {
		return
	}
	p.compute(ctx)
	if p.changes() {
		p.check(ctx)
	} else {
		p.checkBeside(ctx)
	}
	p.note(ctx)
	if p.prior != nil && resp.Plan.Raw.Equal(req.State.Raw) {
		r.conn.MarkPlanning()
	}
}

// planning is one plan.
type planning struct {
	conn    *connection.Connection
	vcenter *vsphere.Client
	resp    *resource.ModifyPlanResponse
	prior   *model // nil: a creation
	m       model
	object  vsphere.ZoneObject
	replace bool
	foreign bool // the object has the tag, and another creation has made it
}

func (p *planning) warn(at path.Path, summary, detail string) {
	p.resp.Diagnostics.AddAttributeWarning(at, summary, detail)
}

// find finds the object, and decides whether it is another one than the state's. It reports
// whether there is more to plan.
func (p *planning) find(ctx context.Context) bool {
	object, err := p.vcenter.ZoneObject(ctx, p.m.Datacenter.ValueString(), p.m.ComputeCluster.ValueString(), maxAge())
	var name *vsphere.ZoneObjectError
	if err != nil && (p.prior == nil || !errors.As(err, &name)) {
		p.resp.Diagnostics.Append(refused("plan", &p.m, err))
		return false
	}
	p.object = object
	if p.prior == nil || err == nil && object.ID.String() == p.prior.ID.ValueString() {
		return true
	}
	if !p.m.sameNames(p.prior) {
		if err != nil {
			p.resp.Diagnostics.Append(refused("plan", &p.m, err))
			return false
		}
		p.replace = true
		return true
	}
	return p.renamed(ctx, object, err)
}

// renamed finds the object of the state, whose name means another one by now, or none: the
// tag stays where it is.
func (p *planning) renamed(ctx context.Context, now vsphere.ZoneObject, failed error) bool {
	id, err := uuid.Parse(p.prior.ID.ValueString())
	if err != nil {
		return false // the refresh has said so
	}
	object, found, err := p.vcenter.ZoneObjectByID(ctx, id, maxAge())
	if err != nil {
		p.resp.Diagnostics.Append(diagnostics.FromError("plan", p.m.subject(), err))
		return false
	}
	if !found {
		return p.outlived(now, failed)
	}
	at := atComputeCluster
	if p.m.ComputeCluster.IsNull() {
		at = atDatacenter
	}
	p.object = object
	if failed != nil {
		p.warn(at, "The object was renamed or moved", fmt.Sprintf(
			"The object that has the tag is %q now, and there is none of the former name. Set its present name: that changes nothing of the tag.",
			object.Path))
		return true
	}
	p.warn(at, "The name means another object now", fmt.Sprintf(
		"The object that has the tag is %q now, and the name means %q, which gets no tag. Set the present name of the former, "+
			"or replace the resource to tag the latter: `terraform apply -replace=<address>`.", object.Path, now.Path))
	return true
}

// outlived decides what becomes of a tag whose object is not seen: where the refresh has found
// that the object is gone, it has taken the value out of the state. The tag is deleted with
// the resource, and another object that has the name by now gets one of its own.
func (p *planning) outlived(now vsphere.ZoneObject, failed error) bool {
	switch {
	case !p.prior.Value.IsNull():
		return false // the refresh has said that it is not seen
	case failed != nil:
		p.resp.Diagnostics.Append(refused("plan", &p.m, failed))
		return false
	}
	p.object = now
	p.replace = true
	return true
}

// compute plans the computed values.
func (p *planning) compute(ctx context.Context) {
	set := func(at string, value types.String) {
		p.resp.Diagnostics.Append(p.resp.Plan.SetAttribute(ctx, path.Root(at), value)...)
	}
	if p.prior == nil || p.replace {
		set("id", attribute.IDValue(p.object.ID))
		set("tag_id", types.StringUnknown())
	}
	switch {
	case p.replace && !p.m.Datacenter.Equal(p.prior.Datacenter):
		p.resp.RequiresReplace = append(p.resp.RequiresReplace, atDatacenter)
	case p.replace && !p.m.ComputeCluster.Equal(p.prior.ComputeCluster):
		p.resp.RequiresReplace = append(p.resp.RequiresReplace, atComputeCluster)
	case p.replace: // another object of the same name
		p.resp.RequiresReplace = append(p.resp.RequiresReplace, path.Root("id"))
	case p.prior != nil && p.m.Value.Equal(p.prior.Value):
		set("tag_id", p.prior.TagID)
	}
}

// changes reports whether the apply puts a tag on the object.
func (p *planning) changes() bool {
	return p.prior == nil || p.replace || !p.m.Value.Equal(p.prior.Value)
}

// check refuses what the apply could not do.
func (p *planning) check(ctx context.Context) {
	if err := p.vcenter.CheckZoneCategory(ctx, p.object); err != nil {
		p.resp.Diagnostics.Append(diagnostics.FromError("plan", p.m.subject(), err))
		return
	}
	taken, own := p.others(ctx)
	switch {
	case taken == nil && p.foreign && !p.conn.Seen(p.object.ID):
		p.warn(atValue, "Another state may manage the zone tag", fmt.Sprintf(
			"Another gantry_zone_tag has made the tag %q of category %s of %s. This one uses it, and leaves it when it is destroyed. "+
				"Where another state manages it, read it with data.gantry_zone_tags instead; where that state is lost, import it.",
			p.m.Value.ValueString(), p.object.Category, p.object.Path))
	case taken == nil:
	case p.mayBeFormer(own):
		p.warn(atValue, "Another zone tag is there", diagnostics.Sentence(taken.Error())+
			" Unless the apply removes it first, it is refused and touches nothing.")
	default:
		p.resp.Diagnostics.Append(refused("plan", &p.m, taken))
		return
	}
	if p.m.Value.IsUnknown() {
		return
	}
	elsewhere, err := p.vcenter.ZoneTagElsewhere(ctx, p.object, p.m.Value.ValueString(), maxAge())
	if err != nil {
		p.resp.Diagnostics.Append(diagnostics.FromError("plan", p.m.subject(), err))
		return
	}
	if len(elsewhere) > 0 {
		p.warnShared(enginemodel.Listed(elsewhere))
	}
}

func (p *planning) warnShared(with string) {
	p.warn(atValue, "The zone tag is not unique", fmt.Sprintf(
		"The tag %q of category %s is on %s, too. What is spread over zones takes both for one.",
		p.m.Value.ValueString(), p.object.Category, with))
}

// others are the tags of other values that the object has beside the state's own. Whether
// Gantry has made all of them for this object is the second result.
func (p *planning) others(ctx context.Context) (taken *vsphere.ZoneTakenError, own bool) {
	tags, err := p.vcenter.ZoneTagsOn(ctx, p.object, maxAge())
	if err != nil {
		p.resp.Diagnostics.Append(diagnostics.FromError("plan", p.m.subject(), err))
		return nil, false
	}
	own = true
	var values []string
	for _, tag := range tags {
		mine := p.prior != nil && !p.replace && tag.ID == p.prior.TagID.ValueString()
		switch {
		case mine:
		case tag.Value != p.m.Value.ValueString():
			values = append(values, tag.Value)
			own = own && tag.Maker.ID == p.object.ID
		case tag.Maker.ID == p.object.ID:
			p.foreign = true
		}
	}
	if len(values) == 0 || p.m.Value.IsUnknown() && p.prior == nil {
		return nil, false
	}
	return &vsphere.ZoneTakenError{Object: p.object.Path, Category: p.object.Category, Values: values}, own
}

// mayBeFormer reports whether the tag that is in the way of a creation may be that of the
// resource's former self, which the apply removes first: Terraform does not say in a plan of
// an apply, and hands over no state of what is tainted.
func (p *planning) mayBeFormer(own bool) bool {
	return p.prior == nil && own && (p.conn.Seen(p.object.ID) || !p.conn.Planning())
}

// checkBeside warns of what others have put beside a tag that stays as it is.
func (p *planning) checkBeside(ctx context.Context) {
	taken, _ := p.others(ctx)
	if taken == nil {
		return
	}
	p.warn(atValue, "Another zone tag is there", diagnostics.Sentence(taken.Error())+
		" Nodes get no label of either. Have one of them taken off the object in the vSphere Client.")
}

// note notes the tag for what is planned after it, and warns of what the run plans elsewhere.
func (p *planning) note(ctx context.Context) {
	if p.m.Value.IsUnknown() || p.resp.Diagnostics.HasError() {
		return
	}
	vcenter, err := p.vcenter.InstanceUUID(ctx)
	if err != nil {
		p.resp.Diagnostics.Append(diagnostics.FromError("plan", p.m.subject(), err))
		return
	}
	zone := connection.PlannedZone{
		VCenter: vcenter, Object: p.object.Ref, Path: p.object.Path, Category: p.object.Category, Value: p.m.Value.ValueString(),
	}
	conflict, same := p.conn.PlanZone(zone)
	if conflict != "" {
		p.resp.Diagnostics.Append(diag.NewAttributeErrorDiagnostic(atValue, "Two zone tags for one object", fmt.Sprintf(
			"Another gantry_zone_tag of this configuration gives %s the value %q. Remove one of the two.", p.object.Path, conflict)))
		return
	}
	if len(same) > 0 && p.changes() {
		p.warnShared(enginemodel.Listed(same))
	}
}
