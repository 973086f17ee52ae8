package addresspool

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// where is where a field of a pool's arithmetic stands in the schema, below
// the path of the pool; false for one that users do not write.
func where(at path.Path, f ipam.Field) (path.Path, bool) {
	switch f {
	case ipam.FieldStart:
		return at.AtName("range").AtName("start"), true
	case ipam.FieldEnd:
		return at.AtName("range").AtName("end"), true
	case ipam.FieldPrefixLength:
		return at.AtName("prefix_length"), true
	case ipam.FieldGateway:
		return at.AtName("default_gateway"), true
	}
	return at, false
}

// Validate reports everything that the addresses alone show to be wrong, each
// on its attribute below at, and says nothing about what is not known yet.
func (m *Model) Validate(ctx context.Context, at path.Path) diag.Diagnostics {
	var diags diag.Diagnostics
	diags.Append(m.validateNameservers(ctx, at.AtName("nameservers"))...)

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
			place, _ := where(at, a.field)
			diags.Append(notAnAddress(place, a.value.ValueString()))
			complete = false
		}
	}
	if complete {
		_, d := m.Arithmetic(ctx, at)
		diags.Append(d...)
	}
	return diags
}

func (m *Model) validateNameservers(ctx context.Context, at path.Path) diag.Diagnostics {
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
			diags.Append(notAnAddress(at.AtListIndex(i), s.ValueString()))
		}
	}
	return diags
}

func notAnAddress(at path.Path, value string) diag.Diagnostic {
	return diag.NewAttributeErrorDiagnostic(at, "Not an IP address",
		fmt.Sprintf("%q is neither an IPv4 nor an IPv6 address.", value))
}

// Arithmetic is the pool of a model whose values are known. What is wrong with
// it is an error on its attribute below at.
func (m *Model) Arithmetic(ctx context.Context, at path.Path) (ipam.Pool, diag.Diagnostics) {
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
		if place, ok := where(at, wrong.Field); ok {
			diags.AddAttributeError(place, "Not a usable IP pool", diagnostics.Sentence(wrong.Reason))
			return pool, diags
		}
	}
	diags.AddError("Not a usable IP pool", diagnostics.Sentence(err.Error()))
	return pool, diags
}
