package recordcrud

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Delete implements resource.Resource. A record that others depend on stays, and so does
// another creation's.
func (d *Driver[T, M]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	d.conn.MarkApplying()
	m := M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	s, diags := d.open(ctx, "delete", m)
	resp.Diagnostics.Append(diags...)
	own, diags := crud.ReadIdentity(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	mine, err := d.stillOwn(ctx, s.Ledger, s.ID, own)
	if err == nil && !mine {
		return
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("delete", s.Ref.Describe(), err))
		return
	}
	resp.Diagnostics.Append(d.hook(ctx, d.Hooks.BeforeDelete, s, m, nil)...)
	if resp.Diagnostics.HasError() {
		return
	}
	err = s.Ledger.Unregister(ctx, s.ID)
	var inUse *ledger.InUseError
	switch {
	case errors.As(err, &inUse):
		resp.Diagnostics.AddError("Unable to delete "+s.Ref.Describe(),
			fmt.Sprintf("%s: %s.", d.InUse, strings.Join(inUse.Dependents(), ", ")))
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromError("delete", s.Ref.Describe(), err))
	}
}

// stillOwn reports whether a record is that of the creation which a state comes from, or
// may be. One that cannot be decoded is deleted with its state.
func (d *Driver[T, M]) stillOwn(ctx context.Context, l ledger.Reader, id uuid.UUID, own crud.Identity) (bool, error) {
	rec, err := l.Record(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrDamaged) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	there := M(new(T))
	if err := there.SetBody(ctx, rec); err != nil && !errors.Is(err, ledger.ErrDamaged) {
		return false, err
	}
	return there.base().Incarnation.Is(own.Incarnation), nil
}
