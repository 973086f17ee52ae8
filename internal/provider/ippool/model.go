package ippool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
	"github.com/gantry/terraform-provider-gantry/internal/provider/recordcrud"
)

// model is the values of gantry_ip_pool, as a resource and as a data source.
type model struct {
	recordcrud.Base
	ippoolspec.Model
	TotalAddresses      types.Int64  `tfsdk:"total_addresses"`
	AllocatedAddresses  types.Int64  `tfsdk:"allocated_addresses"`
	AvailableAddresses  types.Int64  `tfsdk:"available_addresses"`
	ReservedByClusterID types.String `tfsdk:"reserved_by_cluster_id"`
}

var _ recordcrud.Model = (*model)(nil)

// subject names the pool in messages.
func (m *model) subject() string {
	return record.Ref{Kind: record.KindIPPool, Name: m.Name.ValueString()}.Describe()
}

// Body implements recordcrud.Model.
func (m *model) Body(ctx context.Context) (any, diag.Diagnostics) {
	body, diags := m.Record(ctx, m.Name.ValueString())
	body.Incarnation = m.Incarnation
	body.Written = time.Now().UnixMilli()
	return body, diags
}

// SetBody implements recordcrud.Model.
func (m *model) SetBody(ctx context.Context, r ledger.Record) error {
	body, err := r.IPPool()
	if err != nil {
		return err
	}
	m.Incarnation = body.Incarnation
	if diags := m.SetRecord(ctx, body); diags.HasError() {
		return errors.New(diags[0].Detail())
	}
	return nil
}

// arithmetic is the addresses of a model whose values are known.
func (m *model) arithmetic(ctx context.Context) (ipam.Pool, diag.Diagnostics) {
	return m.Arithmetic(ctx, path.Empty())
}

// ledgerPool is the ledger's pool of a model whose values are known.
func (m *model) ledgerPool(ctx context.Context, id uuid.UUID) (ledger.IPPool, diag.Diagnostics) {
	body, diags := m.Record(ctx, m.Name.ValueString())
	if diags.HasError() {
		return ledger.IPPool{}, diags
	}
	pool, err := ledger.NewIPPool(id, body)
	if err != nil {
		_, more := m.arithmetic(ctx) // which names the attribute
		diags.Append(more...)
	}
	return pool, diags
}

// readUsage counts the addresses in use: one call, and one more for a pool that is
// restricted to a single cluster.
func (m *model) readUsage(ctx context.Context, l ledger.Reader, id uuid.UUID) (ledger.IPPool, *ledger.Snapshot, error) {
	pool, diags := m.ledgerPool(ctx, id)
	if diags.HasError() {
		return pool, nil, fmt.Errorf("%s: %s", diags[0].Summary(), diags[0].Detail())
	}
	snapshot, err := l.Snapshot(ctx)
	if err != nil {
		return pool, nil, err
	}
	reservedBy := uuid.Nil
	if pool.SingleCluster {
		if reservedBy, err = l.ReservedBy(ctx, pool.ID); err != nil {
			return pool, nil, err
		}
	}
	m.TotalAddresses = types.Int64Value(int64(pool.Total()))
	m.AllocatedAddresses = types.Int64Value(int64(snapshot.Count(pool)))
	m.AvailableAddresses = types.Int64Value(int64(snapshot.Free(pool)))
	m.ReservedByClusterID = attribute.IDValue(reservedBy)
	if reservedBy == ledger.UnknownCluster {
		m.ReservedByClusterID = types.StringValue("(unknown)")
	}
	return pool, snapshot, nil
}

// setUncounted sets the counts of a pool whose addresses in use could not be read.
func (m *model) setUncounted(total int) {
	m.TotalAddresses = types.Int64Value(int64(total))
	m.AllocatedAddresses = types.Int64Value(0)
	m.AvailableAddresses = types.Int64Value(int64(total))
	m.ReservedByClusterID = types.StringNull()
}

// damaged says what is done about a record that cannot be read: the next apply
// writes the record of a pool again whose values the state holds.
func damaged(m *model, err error) diag.Diagnostic {
	var renamed *ledger.DamagedError
	switch {
	case errors.As(err, &renamed) && renamed.Renamed:
		ref, _ := m.Ref(record.KindIPPool)
		return diag.NewErrorDiagnostic("Unable to read "+m.subject(), fmt.Sprintf(
			"%s\n\nRename the tag back to %q. Addresses in use stay in use.\n\n%s",
			diagnostics.Sentence(err.Error()), ref, diagnostics.RefreshAdvice))
	case m.PrefixLength.IsNull(): // imported: the state holds nothing but the name
		return diagnostics.FromRefresh(m.subject(), err)
	}
	return diag.NewWarningDiagnostic("Record of "+m.subject()+" damaged", diagnostics.Sentence(err.Error())+
		"\n\nThe next apply writes it again, as the state has it; until then no cluster gets an address of it.")
}
