// Package zonetag is the resource gantry_zone_tag.
package zonetag

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

var (
	_ resource.ResourceWithConfigure   = (*tagResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*tagResource)(nil)
	_ resource.ResourceWithImportState = (*tagResource)(nil)
)

// typeName is the type of the resource in configurations.
const typeName = "gantry_zone_tag"

type tagResource struct{ conn *connection.Connection }

// NewResource returns the resource gantry_zone_tag.
func NewResource() resource.Resource { return &tagResource{} }

// Metadata implements resource.Resource.
func (r *tagResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName
}

// Schema implements resource.Resource.
func (r *tagResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = newSchema()
}

// Configure implements resource.ResourceWithConfigure.
func (r *tagResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.conn = connection.FromResource(req, resp)
}

// Create implements resource.Resource. Once anything may have been written there is a state,
// also of what failed: its destruction removes what there is.
func (r *tagResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	r.conn.MarkApplying()
	var m model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	vcenter, object, err := r.resolve(ctx, &m)
	if err != nil {
		resp.Diagnostics.Append(refused("create", &m, err))
		return
	}
	incarnation, err := record.NewIncarnation(rand.Reader)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", m.subject(), err))
		return
	}
	w := write{vcenter: vcenter, object: object, incarnation: incarnation}
	err = w.set(ctx, &m, vsphere.HeldZoneTag{})
	if err != nil {
		resp.Diagnostics.Append(refused("create", &m, err))
		if !w.state.Began {
			return
		}
	}
	if w.state.Tag.Maker != w.maker() {
		r.conn.InheritZone(w.state.Tag.ID, w.maker())
	}
	m.ID = attribute.IDValue(object.ID)
	resp.Diagnostics.Append(w.held(ctx).write(ctx, resp.Private)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Update implements resource.Resource: another value, or other names of the same object.
func (r *tagResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	r.conn.MarkApplying()
	var prior, m model
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	own, _, diags := readHeld(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	vcenter, object, err := r.resolve(ctx, &m)
	if err == nil && object.ID.String() != prior.ID.ValueString() {
		err = fmt.Errorf("%s is another object than the one that has the tag: plan again", object.Path)
	}
	if err == nil && own.Incarnation == "" {
		own.Incarnation, err = record.NewIncarnation(rand.Reader)
	}
	if err != nil {
		resp.Diagnostics.Append(refused("update", &m, err))
		return
	}
	w := write{vcenter: vcenter, object: object, incarnation: own.Incarnation}
	if m.Value.Equal(prior.Value) {
		w.state.Attached = own.Attached
	}
	if err := w.set(ctx, &m, own.former(&prior)); err != nil {
		resp.Diagnostics.Append(refused("update", &m, err))
		if w.state.Tag.ID == "" { // the former tag is what there is, or nothing
			own.Next = cmp.Or(w.state.Made, own.Next)
			resp.Diagnostics.Append(own.write(ctx, resp.Private)...)
			return
		}
	}
	resp.Diagnostics.Append(w.held(ctx).write(ctx, resp.Private)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Delete implements resource.Resource.
func (r *tagResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	r.conn.MarkApplying()
	var m model
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	own, known, diags := readHeld(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	vcenter, object, err := r.holder(ctx, &m, own)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("delete", m.subject(), err))
		return
	}
	tag := own.former(&m)
	tag.Attached = tag.Attached || !known
	tag.Heirs = r.conn.ZoneHeirs(object.ID)
	maker := vsphere.ZoneTagMaker{ID: object.ID, Incarnation: own.Incarnation}
	var kept []string
	err = crud.Again(ctx, func(ctx context.Context) error {
		var err error
		kept, err = vcenter.RemoveZoneTag(ctx, object, maker, tag)
		return err
	})
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("delete", m.subject(), err))
		return
	}
	for _, text := range kept {
		resp.Diagnostics.AddWarning("A tag of vCenter is kept", text)
	}
}

// ImportState implements resource.ResourceWithImportState. The read that follows does the
// rest.
func (r *tagResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	datacenter, computeCluster, ok := parseImportID(req.ID)
	if !ok {
		resp.Diagnostics.AddError("Invalid import ID",
			"Give the datacenter, or datacenter/compute-cluster: terraform import gantry_zone_tag.a dc-1/cluster-a")
		return
	}
	m := model{Datacenter: datacenter, ComputeCluster: computeCluster}
	_, object, err := r.resolve(ctx, &m)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("import", m.subject(), err))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), attribute.IDValue(object.ID))...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, atDatacenter, datacenter)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, atComputeCluster, computeCluster)...)
}

// write is one write of a zone tag.
type write struct {
	vcenter     *vsphere.Client
	object      vsphere.ZoneObject
	incarnation record.Incarnation
	state       vsphere.ZoneTagState
}

// set puts the tag of a plan on the object, and into the model what is known of it then.
func (w *write) set(ctx context.Context, m *model, former vsphere.HeldZoneTag) error {
	err := crud.Again(ctx, func(ctx context.Context) error {
		return w.vcenter.SetZoneTag(ctx, w.object, m.Value.ValueString(), w.maker(), former, &w.state)
	})
	m.TagID = types.StringNull()
	if w.state.Tag.ID != "" {
		m.TagID = types.StringValue(w.state.Tag.ID)
	}
	return err
}

func (w *write) maker() vsphere.ZoneTagMaker {
	return vsphere.ZoneTagMaker{ID: w.object.ID, Incarnation: w.incarnation}
}

func (w *write) held(ctx context.Context) held {
	vcenter, _ := w.vcenter.InstanceUUID(ctx)
	return held{
		VCenter: vcenter, Object: w.object.Ref, Tag: w.state.Tag.ID,
		Made:     w.state.Tag.Maker == w.maker(),
		Attached: w.state.Attached, Incarnation: w.incarnation,
	}
}
