// Package ippool is gantry_ip_pool, as a resource and as a data source.
package ippool

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
	"github.com/gantry/terraform-provider-gantry/internal/provider/recordcrud"
)

var (
	_ resource.ResourceWithConfigure      = (*poolResource)(nil)
	_ resource.ResourceWithValidateConfig = (*poolResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*poolResource)(nil)
	_ resource.ResourceWithImportState    = (*poolResource)(nil)
)

// typeName is the type of the resource in configurations.
const typeName = "gantry_ip_pool"

type poolResource struct {
	recordcrud.Driver[model, *model]
}

// NewResource returns the resource gantry_ip_pool.
func NewResource() resource.Resource {
	return &poolResource{recordcrud.Driver[model, *model]{
		TypeName:  typeName,
		Kind:      record.KindIPPool,
		NewSchema: newSchema,
		InUse:     "Addresses of it are in use. Delete the clusters and gateways that hold them first",
		Hooks: recordcrud.Hooks[*model]{
			Validate:     validate,
			Plan:         plan,
			BeforeCreate: checkOverlap,
			AfterCreate:  checkOverlap,
			Update:       update,
			Users:        holders,
			BeforeDelete: checkUnused,
			Written:      count,
			Refresh:      refresh,
			Damaged:      damaged,
		},
	}}
}

// ValidateConfig implements resource.ResourceWithValidateConfig. What is only a warning
// is said once, and not again in each plan and apply.
func (r *poolResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	r.Driver.ValidateConfig(ctx, req, resp)
	var m model
	if !req.Config.Get(ctx, &m).HasError() {
		resp.Diagnostics.Append(m.Advise(ctx, path.Empty())...)
	}
}

func validate(ctx context.Context, m *model) diag.Diagnostics { return m.Validate(ctx, path.Empty()) }

// checkOverlap compares with all other pools of the vCenter in an apply.
func checkOverlap(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	return m.CheckOverlap(ctx, s.Ledger, path.Empty(), ippoolspec.AppliedCandidate(s.ID, s.Ref))
}

func update(ctx context.Context, s recordcrud.Session, prior, planned *model) diag.Diagnostics {
	change := ippoolspec.Change{
		Ledger:      s.Ledger,
		At:          path.Empty(),
		ID:          s.ID,
		Ref:         s.Ref,
		Incarnation: planned.Incarnation,
		Prior:       &prior.Model,
		Planned:     &planned.Model,
	}
	return change.Apply(ctx)
}

// count counts the addresses in use after a write. The write stands, so that a
// failure to count is a warning, and the next refresh counts again.
func count(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	_, _, err := m.readUsage(ctx, s.Ledger, s.ID)
	if err == nil {
		return nil
	}
	pool, diags := m.arithmetic(ctx)
	m.setUncounted(pool.Total())
	diags.AddWarning("Unable to count the addresses in use of "+m.subject(), diagnostics.Detail(err))
	return diags
}

func refresh(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	if _, _, err := m.readUsage(ctx, s.Recent(), s.ID); err != nil {
		return diag.Diagnostics{diagnostics.FromRefresh(m.subject(), err)}
	}
	return nil
}

// checkUnused refuses to delete a pool of which addresses are in use.
func checkUnused(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	pool, diags := m.ledgerPool(ctx, s.ID)
	if diags.HasError() {
		return diags
	}
	snapshot, err := s.Ledger.Snapshot(ctx)
	if err != nil {
		return diag.Diagnostics{diagnostics.FromError("delete", m.subject(), err)}
	}
	if inUse := snapshot.Addresses(pool); len(inUse) > 0 {
		diags.AddError("Unable to delete "+m.subject(), fmt.Sprintf(
			"%d of its addresses are in use. Delete the clusters and gateways that hold them first: %s.",
			len(inUse), ippoolspec.Holders(ctx, s.Ledger, pool, inUse)))
	}
	return diags
}

// holders are who holds addresses of a pool that is to be deleted, and is not deleted
// before in the same run.
func holders(ctx context.Context, s recordcrud.Session, m *model) []string {
	pool, diags := m.ledgerPool(ctx, s.ID)
	if diags.HasError() {
		return nil
	}
	snapshot, err := s.Recent().Snapshot(ctx)
	if err != nil {
		return nil
	}
	return ippoolspec.HoldersBut(ctx, s.Ledger, pool, snapshot.Addresses(pool), s.Conn.Deleted)
}
