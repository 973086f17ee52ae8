// Package nodeimage is the resource gantry_node_image.
package nodeimage

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/kubernetesschema"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

var (
	_ resource.ResourceWithConfigure      = (*imageResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*imageResource)(nil)
	_ resource.ResourceWithImportState    = (*imageResource)(nil)
	_ resource.ResourceWithValidateConfig = (*imageResource)(nil)
)

// typeName is the type of the resource in configurations.
const typeName = "gantry_node_image"

type imageResource struct{ conn *connection.Connection }

// typedSchema is newSchema, made once.
var typedSchema = attribute.SchemaOnce(newSchema)

// NewResource returns the resource gantry_node_image.
func NewResource() resource.Resource { return &imageResource{} }

// Metadata implements resource.Resource.
func (r *imageResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName
}

// Schema implements resource.Resource.
func (r *imageResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = typedSchema(ctx)
}

// Configure implements resource.ResourceWithConfigure.
func (r *imageResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.conn = connection.FromResource(req, resp)
}

// ValidateConfig implements resource.ResourceWithValidateConfig: it checks what one attribute alone
// cannot tell.
func (r *imageResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(checkIPPool(&config)...)
	resp.Diagnostics.Append(kubernetesschema.CheckInstalled(config.Build, path.Root("build"), "")...)
}

func checkIPPool(m *model) diag.Diagnostics {
	at := path.Root("ip_pool_id")
	switch allocation := nodeschema.Allocation(m.Network); {
	case allocation == enginemodel.AllocationStatic && m.IPPoolID.IsNull():
		return diag.Diagnostics{diagnostics.AttributeError(at, "IP pool missing",
			`With ip_allocation = "static" the VM in which the image is built gets an address of an IP pool. Set ip_pool_id.`)}
	case allocation == enginemodel.AllocationDHCP && !m.IPPoolID.IsNull() && !m.IPPoolID.IsUnknown():
		return diag.Diagnostics{diagnostics.AttributeError(at, "IP pool with DHCP",
			`With ip_allocation = "dhcp" the VM in which the image is built takes a lease. Remove ip_pool_id.`)}
	}
	return nil
}

// Create implements resource.Resource. There is a state only once the template is there: what has
// failed leaves nothing, or what the next creation clears.
func (r *imageResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	r.conn.MarkApplying()
	var m model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	timeout, diags := m.Timeouts.Create(ctx, enginecrud.DefaultCreateTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	spec, diags := m.spec(ctx)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	prior, _, diags := readHeld(ctx, resp.Private) // of what this one replaces
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	h, err := r.create(ctx, spec, &m, prior.Incarnation)
	if err != nil {
		resp.Diagnostics.Append(m.failed("create", err)...)
		return
	}
	resp.Diagnostics.Append(h.write(ctx, resp.Private)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// create makes the image, and sets what is known of it then.
func (r *imageResource) create(ctx context.Context, spec enginemodel.ClusterSpec, m *model, prior record.Incarnation) (held, error) {
	eng, err := enginecrud.ImageEngine(ctx, r.conn)
	if err != nil {
		return held{}, err
	}
	vcenter, err := eng.Reader.InstanceUUID(ctx)
	if err != nil {
		return held{}, err
	}
	incarnation, err := incarnationAfter(prior)
	if err != nil {
		return held{}, err
	}
	made, err := eng.MakeImage(ctx, spec, record.ImageHolder{Name: m.Name.ValueString(), Incarnation: incarnation})
	if err != nil {
		return held{}, err
	}
	h := heldOf(eng, made)
	h.Incarnation = incarnation
	h.VCenter = vcenter
	m.show(made)
	return h, nil
}

// incarnationAfter is by what a resource is known as a holder. One that replaces another is known by
// what follows from that: where its creation is killed, the next one is the same holder.
func incarnationAfter(prior record.Incarnation) (record.Incarnation, error) {
	if prior == "" {
		return record.NewIncarnation(rand.Reader)
	}
	sum := sha256.Sum256([]byte("after " + prior))
	return record.NewIncarnation(bytes.NewReader(sum[:]))
}

// show sets what is known of an image that is there.
func (m *model) show(made *enginemodel.MadeImage) {
	m.ID = types.StringValue(made.UUID)
	m.Template = types.StringValue(made.Path)
}

// failed is the diagnostics of a run that failed, each on the attribute at fault.
func (m *model) failed(verb string, err error) diag.Diagnostics {
	var refused *enginemodel.PlanError
	if errors.As(err, &refused) {
		return diagnostics.Problems(refused.Problems, m.attributePath)
	}
	return diag.Diagnostics{diagnostics.FromError(verb, m.subject(), err)}
}

// Update implements resource.Resource. What is another image is replaced: here, who holds it is
// noted, and that is all.
func (r *imageResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	r.conn.MarkApplying()
	var prior, m model
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	h, known, diags := readHeld(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	timeout, diags := m.Timeouts.Update(ctx, enginecrud.DefaultUpdateTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if known && (h.Imported || !m.Name.Equal(prior.Name)) {
		eng, err := r.engineOf(ctx, h)
		if err == nil {
			err = eng.HoldImage(ctx, h.target(m.Name.ValueString()))
		}
		if err != nil {
			resp.Diagnostics.Append(m.failed("update", err)...)
			return
		}
		h.Imported = false
		h.Takes = ""
		resp.Diagnostics.Append(h.write(ctx, resp.Private)...)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// engineOf is an engine of the vCenter that an image is in.
func (r *imageResource) engineOf(ctx context.Context, h held) (*engine.Engine, error) {
	eng, err := enginecrud.ImageEngine(ctx, r.conn)
	if err != nil || h.VCenter == "" {
		return eng, err
	}
	instance, err := eng.Reader.InstanceUUID(ctx)
	if err == nil && instance != h.VCenter {
		err = fmt.Errorf("it belongs to the vCenter with the instance UUID %s, and the provider is connected to %s. "+
			"Set vcenter_server of the provider back, or remove the resource from the state with `terraform state rm`", h.VCenter, instance)
	}
	return eng, err
}

// Delete implements resource.Resource.
func (r *imageResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	r.conn.MarkApplying()
	var m model
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	h, known, diags := readHeld(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	timeout, diags := m.Timeouts.Delete(ctx, enginecrud.DefaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if !known {
		resp.Diagnostics.AddError("Unable to delete "+m.subject(), "What private state keeps of it is lost, as after a run that was killed. "+
			"Refresh the state, which finds the template again, and destroy again.")
		return
	}
	eng, err := r.engineOf(ctx, h)
	var others []string
	if err == nil && h.Imported {
		err = eng.HoldImage(ctx, h.target(m.Name.ValueString()))
	}
	if err == nil {
		others, err = eng.DestroyImage(ctx, h.target(m.Name.ValueString()))
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("delete", m.subject(), err))
		return
	}
	if len(others) > 0 {
		resp.Diagnostics.AddWarning("The image is kept", fmt.Sprintf(
			"%s is also held by: %s. It was taken out of this state alone, and is deleted with the last of them. If no state has one of "+
				"these any more, import the template in its place, by the ID \"%s,\" and what stands in parentheses, and destroy it.",
			m.Template.ValueString(), strings.Join(others, ", "), m.Template.ValueString()))
	}
}

// ImportState implements resource.ResourceWithImportState: by the name or path of the template, and
// after a comma what the holder is known by in whose place the resource is. The read that follows
// does the rest.
func (r *imageResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	name, takes, _ := strings.Cut(req.ID, ",")
	if strings.Trim(name, "/ ") == "" {
		resp.Diagnostics.AddError("Invalid import ID",
			"Give the name or the inventory path of the template: terraform import gantry_node_image.example /dc-1/vm/images/ubuntu-0f1e2d3c4b5a")
		return
	}
	eng, err := enginecrud.ImageEngine(ctx, r.conn)
	var made *enginemodel.MadeImage
	if err == nil {
		made, err = eng.NamedImage(ctx, name)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("import", fmt.Sprintf("node image %q", req.ID), err))
		return
	}
	if takes = strings.TrimSpace(takes); takes != "" {
		resp.Diagnostics.Append(crud.WritePrivate(ctx, resp.Private, takesKey, record.Incarnation(takes))...)
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), made.UUID)...)
}
