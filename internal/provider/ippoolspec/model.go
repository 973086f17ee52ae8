// Package ippoolspec is what a user writes about an IP pool, in gantry_ip_pool and
// in the inline pool of a gantry_gateway: the schema, the validation, the record
// that it becomes, and its change in place.
package ippoolspec

import (
	"context"
	"net/netip"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// Model is the values of Attributes.
type Model struct {
	Range                   types.Object    `tfsdk:"range"`
	Subnet                  types.String    `tfsdk:"subnet"`
	PrefixLength            attribute.Int64 `tfsdk:"prefix_length"`
	DefaultGateway          types.String    `tfsdk:"default_gateway"`
	Nameservers             types.List      `tfsdk:"nameservers"`
	SearchDomains           types.List      `tfsdk:"search_domains"`
	ExcludedAddresses       types.Set       `tfsdk:"excluded_addresses"`
	Network                 types.String    `tfsdk:"network"`
	ReuseDelay              types.String    `tfsdk:"reuse_delay"`
	RestrictToSingleCluster types.Bool      `tfsdk:"restrict_to_single_cluster"`
}

// rangeModel is the attribute range.
type rangeModel struct {
	Start types.String `tfsdk:"start"`
	End   types.String `tfsdk:"end"`
}

var rangeType = map[string]attr.Type{"start": types.StringType, "end": types.StringType}

// Record is the record of a pool of that name whose addresses are known. Nameservers
// and search domains that a plan does not know yet are left out: no plan compares them.
func (m *Model) Record(ctx context.Context, name string) (record.IPPool, diag.Diagnostics) {
	b := record.IPPool{
		Name:                    name,
		Subnet:                  m.Subnet.ValueString(),
		PrefixLength:            int(m.PrefixLength.ValueInt64()),
		DefaultGateway:          m.DefaultGateway.ValueString(),
		Network:                 m.Network.ValueString(),
		ReuseDelaySeconds:       recordedReuseDelay(m.ReuseDelay),
		RestrictToSingleCluster: m.RestrictToSingleCluster.ValueBool(),
	}
	r, diags := m.rangeValues(ctx)
	if r != nil {
		b.Start, b.End = r.Start.ValueString(), r.End.ValueString()
	}
	b.Nameservers = knownTexts(m.Nameservers)
	b.SearchDomains = knownTexts(m.SearchDomains)
	b.Excluded = knownTexts(m.ExcludedAddresses)
	return b, diags
}

// SetRecord sets what a record says, but for the name, which the record was found
// by.
func (m *Model) SetRecord(ctx context.Context, b record.IPPool) diag.Diagnostics {
	var diags diag.Diagnostics
	m.Range = types.ObjectNull(rangeType)
	m.Subnet = optional(b.Subnet)
	if b.Subnet == "" {
		m.Range = types.ObjectValueMust(rangeType, map[string]attr.Value{
			"start": types.StringValue(b.Start),
			"end":   types.StringValue(b.End),
		})
	}
	if prefix, err := netip.ParsePrefix(b.Subnet); err == nil && b.PrefixLength == 0 {
		b.PrefixLength = prefix.Bits()
	}
	m.PrefixLength = attribute.Int64Value(int64(b.PrefixLength))
	m.DefaultGateway = types.StringValue(b.DefaultGateway)
	m.Network = optional(b.Network)
	m.ReuseDelay = spelledReuseDelay(m.ReuseDelay, b.ReuseDelay())
	m.RestrictToSingleCluster = types.BoolValue(b.RestrictToSingleCluster)
	m.Nameservers = list(ctx, m.Nameservers, b.Nameservers, &diags)
	m.SearchDomains = list(ctx, m.SearchDomains, b.SearchDomains, &diags)
	switch {
	case len(b.Excluded) > 0:
		var d diag.Diagnostics
		m.ExcludedAddresses, d = types.SetValueFrom(ctx, types.StringType, b.Excluded)
		diags.Append(d...)
	case !isEmpty(m.ExcludedAddresses):
		m.ExcludedAddresses = types.SetNull(types.StringType)
	}
	return diags
}

func optional(s string) types.String {
	if s == "" {
		return types.StringNull()
	}
	return types.StringValue(s)
}

// collection is a list or a set.
type collection interface {
	attr.Value
	Elements() []attr.Value
}

// knownTexts are the elements of a collection that are known.
func knownTexts(c collection) []string {
	var texts []string
	for _, element := range c.Elements() {
		if text, ok := element.(types.String); ok && !text.IsUnknown() && !text.IsNull() {
			texts = append(texts, text.ValueString())
		}
	}
	return texts
}

// allKnown reports whether a collection and its elements are known.
func allKnown(c collection) bool {
	return !c.IsUnknown() && !slices.ContainsFunc(c.Elements(), attr.Value.IsUnknown)
}

// isEmpty reports whether a collection is there and has no elements.
func isEmpty(c collection) bool { return !c.IsNull() && !c.IsUnknown() && len(c.Elements()) == 0 }

// list keeps the difference between an empty list and none, which the record
// does not know.
func list(ctx context.Context, prior types.List, values []string, diags *diag.Diagnostics) types.List {
	if len(values) == 0 {
		if isEmpty(prior) {
			return prior
		}
		return types.ListNull(types.StringType)
	}
	l, d := types.ListValueFrom(ctx, types.StringType, values)
	diags.Append(d...)
	return l
}

// rangeValues is the range; nil where there is none, or while it is unknown.
func (m *Model) rangeValues(ctx context.Context) (*rangeModel, diag.Diagnostics) {
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

// Known reports whether everything that makes up the pool's addresses is known.
func (m *Model) Known(ctx context.Context) bool {
	r, diags := m.rangeValues(ctx)
	if diags.HasError() || r != nil && (r.Start.IsUnknown() || r.End.IsUnknown()) {
		return false
	}
	for _, v := range []attr.Value{m.Range, m.Subnet, m.PrefixLength, m.DefaultGateway, m.ExcludedAddresses} {
		if v.IsUnknown() {
			return false
		}
	}
	for _, v := range m.ExcludedAddresses.Elements() {
		if v.IsUnknown() {
			return false
		}
	}
	return true
}

// SameAddresses reports whether two models hand out the same addresses.
func (m *Model) SameAddresses(other *Model) bool {
	return m.Range.Equal(other.Range) &&
		m.Subnet.Equal(other.Subnet) &&
		m.PrefixLength.Equal(other.PrefixLength) &&
		m.DefaultGateway.Equal(other.DefaultGateway) &&
		m.ExcludedAddresses.Equal(other.ExcludedAddresses)
}

// Changed names the attribute whose change takes addresses out of a pool.
func (m *Model) Changed(state *Model) string {
	switch {
	case !m.Range.Equal(state.Range) && !m.Range.IsNull():
		return "range"
	case !m.Subnet.Equal(state.Subnet) && !m.Subnet.IsNull():
		return "subnet"
	case !m.ExcludedAddresses.Equal(state.ExcludedAddresses):
		return "excluded_addresses"
	case !m.DefaultGateway.Equal(state.DefaultGateway):
		return "default_gateway"
	}
	return "prefix_length"
}

// addressesAttribute is the attribute that the addresses are written in.
func (m *Model) addressesAttribute() string {
	if m.Subnet.IsNull() {
		return "range"
	}
	return "subnet"
}
