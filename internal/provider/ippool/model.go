package ippool

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	ledgerrecord "github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/record"
)

// model is what gantry_ip_pool is as a resource and as a data source.
type model struct {
	addresspool.Model
	ID                  types.String `tfsdk:"id"`
	Name                types.String `tfsdk:"name"`
	GatewayID           types.String `tfsdk:"gateway_id"`
	TotalAddresses      types.Int64  `tfsdk:"total_addresses"`
	AllocatedAddresses  types.Int64  `tfsdk:"allocated_addresses"`
	AvailableAddresses  types.Int64  `tfsdk:"available_addresses"`
	ReservedByClusterID types.String `tfsdk:"reserved_by_cluster_id"`
}

// usage is what the ledger knows of a pool beyond its record.
type usage struct {
	allocated  int
	available  int
	reservedBy string // cluster id; empty: nobody
}

// thing names the pool in messages.
func (m *model) thing() string { return fmt.Sprintf("IP pool %q", m.Name.ValueString()) }

// key is what the pool's id is derived from.
func (m *model) key() record.Key {
	return record.Key{Kind: ledgerrecord.KindIPPool, GatewayID: m.GatewayID.ValueString(), Name: m.Name.ValueString()}
}

// body is the record of a model whose configured values are known.
func (m *model) body(ctx context.Context) (ledgerrecord.IPPool, diag.Diagnostics) {
	return m.Body(ctx, m.Name.ValueString())
}

// arithmetic is the pool of a model whose values are known.
func (m *model) arithmetic(ctx context.Context) (ipam.Pool, diag.Diagnostics) {
	return m.Arithmetic(ctx, path.Empty())
}

// in is the ledger's pool of a model whose values are known.
func (m *model) in(ctx context.Context, l *ledger.Ledger) (ledger.IPPool, diag.Diagnostics) {
	body, diags := m.body(ctx)
	if diags.HasError() {
		return ledger.IPPool{}, diags
	}
	p, err := ledger.NewIPPool(m.key().ID(l), body)
	if err != nil {
		_, d := m.arithmetic(ctx) // which names the attribute
		diags.Append(d...)
	}
	return p, diags
}

// setUsage takes over the counts of a pool of total addresses.
func (m *model) setUsage(total int, u usage) {
	m.TotalAddresses = types.Int64Value(int64(total))
	m.AllocatedAddresses = types.Int64Value(int64(u.allocated))
	m.AvailableAddresses = types.Int64Value(int64(u.available))
	m.ReservedByClusterID = optional(u.reservedBy)
}

func optional(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}
