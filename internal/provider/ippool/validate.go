package ippool

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// attributes are where the fields of a pool's arithmetic stand in the schema.
var attributes = map[ipam.Field]path.Path{
	ipam.FieldStart:        path.Root("range").AtName("start"),
	ipam.FieldEnd:          path.Root("range").AtName("end"),
	ipam.FieldPrefixLength: path.Root("prefix_length"),
	ipam.FieldGateway:      path.Root("default_gateway"),
}

// validate reports everything that the addresses alone show to be wrong, each
// on its attribute, and says nothing about what is not known yet.
func (m *model) validate(ctx context.Context) diag.Diagnostics {
	var diags diag.Diagnostics
	diags.Append(m.validateNameservers(ctx)...)

	r, d := m.span(ctx)
	diags.Append(d...)
	if r == nil {
		return diags
	}
	addresses := []struct {
		field ipam.Field
		value types.String
	}{{ipam.FieldStart, r.Start}, {ipam.FieldEnd, r.End}, {ipam.FieldGateway, m.DefaultGateway}}
	complete := !m.PrefixLength.IsUnknown()
	for _, a := range addresses {
		if a.value.IsUnknown() {
			complete = false
			continue
		}
		if _, err := netip.ParseAddr(a.value.ValueString()); err != nil {
			diags.Append(notAnAddress(attributes[a.field], a.value.ValueString()))
			complete = false
		}
	}
	if complete {
		_, d := m.arithmetic(ctx)
		diags.Append(d...)
	}
	return diags
}

func (m *model) validateNameservers(ctx context.Context) diag.Diagnostics {
	var (
		diags   diag.Diagnostics
		servers []types.String
	)
	if m.Nameservers.IsUnknown() {
		return nil
	}
	diags.Append(m.Nameservers.ElementsAs(ctx, &servers, false)...)
	for i, s := range servers {
		if s.IsUnknown() {
			continue
		}
		if _, err := netip.ParseAddr(s.ValueString()); err != nil {
			diags.Append(notAnAddress(path.Root("nameservers").AtListIndex(i), s.ValueString()))
		}
	}
	return diags
}

func notAnAddress(at path.Path, value string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(at, "Not an IP address",
		fmt.Sprintf("%q is neither an IPv4 nor an IPv6 address.", value))
}

// span is the range; nil while it is unknown.
func (m *model) span(ctx context.Context) (*rangeModel, diag.Diagnostics) {
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

// known tells whether everything that makes up the pool's addresses is known.
func (m *model) known(ctx context.Context) bool {
	r, diags := m.span(ctx)
	return r != nil && !diags.HasError() && !r.Start.IsUnknown() && !r.End.IsUnknown() &&
		!m.PrefixLength.IsUnknown() && !m.DefaultGateway.IsUnknown()
}

// arithmetic is the pool of a model whose values are known.
func (m *model) arithmetic(ctx context.Context) (ipam.Pool, diag.Diagnostics) {
	r, diags := m.span(ctx)
	if r == nil {
		return ipam.Pool{}, diags
	}
	pool, err := ipam.New(r.Start.ValueString(), r.End.ValueString(), int(m.PrefixLength.ValueInt64()), m.DefaultGateway.ValueString())
	if err == nil {
		return pool, diags
	}
	var wrong *ipam.FieldError
	if errors.As(err, &wrong) {
		if at, ok := attributes[wrong.Field]; ok {
			diags.AddAttributeError(at, "Not a usable IP pool", diagnostics.Sentence(wrong.Reason))
			return pool, diags
		}
	}
	diags.AddError("Not a usable IP pool", diagnostics.Sentence(err.Error()))
	return pool, diags
}
