package recordcrud

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Create implements resource.Resource.
func (d *Driver[T, M]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	d.conn.MarkApplying()
	m := M(new(T))
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	resp.Diagnostics.Append(crud.ReadWriteOnly(ctx, m, req.Config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	incarnation, err := record.NewIncarnation(rand.Reader)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", d.describe(m), err))
		return
	}
	m.base().Incarnation = incarnation
	s, rec, diags := d.prepare(ctx, "create", m)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(d.hook(ctx, d.Hooks.BeforeCreate, s, m, resp.Diagnostics)...)
	if resp.Diagnostics.HasError() {
		return
	}

	inDoubt, diags := d.register(ctx, s, rec, m)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() && !inDoubt {
		return
	}
	m.base().ID = attribute.IDValue(s.ID)
	resp.Diagnostics.Append(crud.WriteIdentity(ctx, resp.Private, crud.Identity{ID: s.ID, Incarnation: incarnation})...)
	resp.Diagnostics.Append(d.hook(ctx, d.Hooks.Written, s, m, resp.Diagnostics)...)
	crud.ClearWriteOnly(m)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	if inDoubt {
		resp.Diagnostics.Append(nullUnknowns(&resp.State)...)
	}
}

// register registers a record. It reports whether one may be there although it
// failed, because the answer was lost: with its id in the state, the next apply
// deletes what there may be and creates it again.
func (d *Driver[T, M]) register(ctx context.Context, s Session, rec ledger.Record, m M) (inDoubt bool, diags diag.Diagnostics) {
	_, err := s.Ledger.Register(ctx, rec)
	if errors.Is(err, ledger.ErrExists) {
		return false, diag.Diagnostics{d.exists(s.Ref)}
	}
	inDoubt = err != nil && lostAnswer(err)
	if err == nil {
		// Of two that are registered at the same time, at least one finds the other now.
		if diags = d.hook(ctx, d.Hooks.AfterCreate, s, m, nil); diags.HasError() {
			err = s.Ledger.Unregister(ctx, s.ID)
			inDoubt = err != nil
		}
	}
	if err != nil {
		diags.Append(diagnostics.FromError("create", s.Ref.Describe(), err))
	}
	return inDoubt, diags
}

// lostAnswer reports whether a call that failed with err may have been carried out.
func lostAnswer(err error) bool {
	return model.Transient(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// exists is the error of a creation where a record of that name is there.
func (d *Driver[T, M]) exists(ref record.Ref) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(path.Root("name"), diagnostics.Title(ref.Describe())+" exists", fmt.Sprintf(
		"vCenter holds a record of this name. Choose another name, or import it: terraform import %s.<name> %s",
		d.TypeName, attribute.FormatImportID(ref)))
}

// nullUnknowns replaces what a creation that failed has left unknown: a state may
// hold no unknown value.
func nullUnknowns(state *tfsdk.State) diag.Diagnostics {
	known, err := tftypes.Transform(state.Raw, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if v.IsKnown() {
			return v, nil
		}
		return tftypes.NewValue(v.Type(), nil), nil
	})
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to write the state", err.Error())}
	}
	state.Raw = known
	return nil
}
