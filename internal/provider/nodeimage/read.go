package nodeimage

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Read implements resource.Resource. It follows the template by its identity, and never looks for
// one by its name. Gone is what vCenter says is not there.
func (r *imageResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	r.conn.MarkPlanning()
	var m model
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	h, known, diags := readHeld(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !known {
		h.UUID = m.ID.ValueString()
	}
	eng, err := r.engineOf(ctx, h)
	var made *enginemodel.MadeImage
	if err == nil {
		made, err = eng.Image(ctx, h.identity())
	}
	if err == nil && !known && made.Path != "" {
		h, err = imported(ctx, eng, made)
		_, diags := crud.ReadPrivate(ctx, req.Private, takesKey, &h.Takes, "In whose place the image is", "Import it again")
		resp.Diagnostics.Append(diags...)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromRefresh(m.subject(), err))
		return
	}
	switch {
	case made.Hidden != "" && !known:
		resp.Diagnostics.AddError("Unable to read "+m.subject(), diagnostics.Sentence(made.Hidden)+" Restore an earlier version of the state, "+
			"or remove the resource from it with `terraform state rm` and import the template.")
		return
	case made.Hidden != "":
		resp.Diagnostics.AddWarning("Template not visible in vCenter", fmt.Sprintf(
			"Whether %s is still there is not known: %s. An object that cannot be read is not treated as deleted.",
			m.Template.ValueString(), made.Hidden))
		return
	case made.Ref == "":
		r.gone(ctx, eng, h, &m, resp)
		return
	case made.IsVM:
		resp.Diagnostics.AddWarning("The template was converted to a VM", fmt.Sprintf(
			"%s is a VM by now. Convert it back to a template; or delete it in vCenter, and the next apply builds the image anew. "+
				"It is not destroyed as long as it is a VM.", made.Path))
	}
	m.show(made)
	h.Ref = made.Ref
	h.UUID = made.UUID
	h.Gone = false
	resp.Diagnostics.Append(h.write(ctx, resp.Private)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// gone is the state of an image whose template is not there. As long as the record says that this
// resource holds it, it stays: a destruction deletes the record, and a plan replaces it.
func (r *imageResource) gone(ctx context.Context, eng *engine.Engine, h held, m *model, resp *resource.ReadResponse) {
	holds, err := eng.HoldsImage(ctx, h.target(m.Name.ValueString()))
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromRefresh(m.subject(), err))
		return
	}
	if !holds {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.AddWarning("The template is gone", fmt.Sprintf(
		"%s is not in vCenter any more: it was deleted there, or a destruction was interrupted. What Gantry has noted of it is deleted "+
			"by a destruction, and by a replacement, which builds the image anew.", m.Template.ValueString()))
	h.Gone = true
	resp.Diagnostics.Append(h.write(ctx, resp.Private)...)
}

// imported is what is held of an image of which private state says nothing, as after an import. It is
// a holder of its own, which the next update notes.
func imported(ctx context.Context, eng *engine.Engine, made *enginemodel.MadeImage) (held, error) {
	h := heldOf(eng, made)
	h.Imported = true
	var err error
	if h.VCenter, err = eng.Reader.InstanceUUID(ctx); err != nil {
		return h, err
	}
	h.Incarnation, err = record.NewIncarnation(rand.Reader)
	return h, err
}
