// Package addresspool is the addresses of an IP pool as users write them: in
// gantry_ip_pool, and in a gantry_gateway that brings a pool along.
package addresspool

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// Model is the attributes of Attributes.
type Model struct {
	Range                   types.Object `tfsdk:"range"`
	PrefixLength            types.Int64  `tfsdk:"prefix_length"`
	DefaultGateway          types.String `tfsdk:"default_gateway"`
	Nameservers             types.List   `tfsdk:"nameservers"`
	SearchDomains           types.List   `tfsdk:"search_domains"`
	RestrictToSingleCluster types.Bool   `tfsdk:"restrict_to_single_cluster"`
}

// rangeModel is the attribute range.
type rangeModel struct {
	Start types.String `tfsdk:"start"`
	End   types.String `tfsdk:"end"`
}

var rangeType = map[string]attr.Type{"start": types.StringType, "end": types.StringType}

// Body is the record of a pool of that name whose configured values are known.
func (m *Model) Body(ctx context.Context, name string) (ledger.PoolBody, diag.Diagnostics) {
	r, diags := m.span(ctx)
	if r == nil {
		return ledger.PoolBody{}, diags
	}
	b := ledger.PoolBody{
		Name:                    name,
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

// SetBody takes over what a record says, but for the name, which the record was
// found by.
func (m *Model) SetBody(ctx context.Context, b ledger.PoolBody) diag.Diagnostics {
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

// span is the range; nil while it is unknown.
func (m *Model) span(ctx context.Context) (*rangeModel, diag.Diagnostics) {
	if m.Range.IsNull() || m.Range.IsUnknown() {
		return nil, nil
	}
	var r rangeModel
	diags := m.Range.As(ctx, &r, basetypes.ObjectAsOptions{})
	if diags.HasError() {
		return nil, diags
	}
	return &r, nil
}

// Known tells whether everything that makes up the pool's addresses is known.
func (m *Model) Known(ctx context.Context) bool {
	r, diags := m.span(ctx)
	return r != nil && !diags.HasError() && !r.Start.IsUnknown() && !r.End.IsUnknown() &&
		!m.PrefixLength.IsUnknown() && !m.DefaultGateway.IsUnknown()
}

// SameAddresses tells whether two models hand out the same addresses.
func (m *Model) SameAddresses(other *Model) bool {
	return m.Range.Equal(other.Range) && m.PrefixLength.Equal(other.PrefixLength) &&
		m.DefaultGateway.Equal(other.DefaultGateway)
}
