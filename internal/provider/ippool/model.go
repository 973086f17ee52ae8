package ippool

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// model is gantry_ip_pool as Terraform knows it.
type model struct {
	ID                      types.String `tfsdk:"id"`
	Name                    types.String `tfsdk:"name"`
	GatewayID               types.String `tfsdk:"gateway_id"`
	Range                   types.Object `tfsdk:"range"`
	PrefixLength            types.Int64  `tfsdk:"prefix_length"`
	DefaultGateway          types.String `tfsdk:"default_gateway"`
	Nameservers             types.List   `tfsdk:"nameservers"`
	SearchDomains           types.List   `tfsdk:"search_domains"`
	RestrictToSingleCluster types.Bool   `tfsdk:"restrict_to_single_cluster"`
	TotalAddresses          types.Int64  `tfsdk:"total_addresses"`
	AllocatedAddresses      types.Int64  `tfsdk:"allocated_addresses"`
	AvailableAddresses      types.Int64  `tfsdk:"available_addresses"`
	ReservedByClusterID     types.String `tfsdk:"reserved_by_cluster_id"`
}

// rangeModel is the attribute range.
type rangeModel struct {
	Start types.String `tfsdk:"start"`
	End   types.String `tfsdk:"end"`
}

var rangeType = map[string]attr.Type{"start": types.StringType, "end": types.StringType}

// usage is what the ledger knows of a pool beyond its record.
type usage struct {
	allocated  int
	available  int
	reservedBy string // cluster id; empty: nobody
}

// body is the record of a model whose configured values are known.
func (m *model) body(ctx context.Context) (ledger.PoolBody, diag.Diagnostics) {
	r, diags := m.span(ctx)
	if r == nil {
		return ledger.PoolBody{}, diags
	}
	b := ledger.PoolBody{
		Name:                    m.Name.ValueString(),
		Start:                   r.Start.ValueString(),
		End:                     r.End.ValueString(),
		PrefixLength:            int(m.PrefixLength.ValueInt64()),
		DefaultGateway:          m.DefaultGateway.ValueString(),
		RestrictToSingleCluster: m.RestrictToSingleCluster.ValueBool(),
	}
	diags.Append(m.Nameservers.ElementsAs(ctx, &b.Nameservers, false)...)
	diags.Append(m.SearchDomains.ElementsAs(ctx, &b.SearchDomains, false)...)
	return b, diags
}

// setBody takes over what a record says. Name and gateway are what the record
// was found by.
func (m *model) setBody(ctx context.Context, b ledger.PoolBody) diag.Diagnostics {
	var diags diag.Diagnostics
	m.Range = types.ObjectValueMust(rangeType, map[string]attr.Value{
		"start": types.StringValue(b.Start), "end": types.StringValue(b.End),
	})
	m.PrefixLength = types.Int64Value(int64(b.PrefixLength))
	m.DefaultGateway = types.StringValue(b.DefaultGateway)
	m.RestrictToSingleCluster = types.BoolValue(b.RestrictToSingleCluster)
	m.Nameservers = list(ctx, m.Nameservers, b.Nameservers, &diags)
	m.SearchDomains = list(ctx, m.SearchDomains, b.SearchDomains, &diags)
	return diags
}

// setUsage takes over the counts of a pool of total addresses.
func (m *model) setUsage(total int, u usage) {
	m.TotalAddresses = types.Int64Value(int64(total))
	m.AllocatedAddresses = types.Int64Value(int64(u.allocated))
	m.AvailableAddresses = types.Int64Value(int64(u.available))
	m.ReservedByClusterID = optional(u.reservedBy)
}

// list keeps the difference between an empty list and none, which the record
// does not know.
func list(ctx context.Context, prior types.List, values []string, diags *diag.Diagnostics) types.List {
	if len(values) == 0 {
		if !prior.IsNull() && !prior.IsUnknown() && len(prior.Elements()) == 0 {
			return prior
		}
		return types.ListNull(types.StringType)
	}
	l, d := types.ListValueFrom(ctx, types.StringType, values)
	diags.Append(d...)
	return l
}

func optional(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}
