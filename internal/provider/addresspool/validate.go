package addresspool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// where is where a finding about a pool's arithmetic stands in the schema, below
// the path of the pool; false for one that users do not write.
func (m *Model) where(at path.Path, e *ipam.FieldError) (path.Path, bool) {
	switch e.Field {
	case ipam.FieldStart, ipam.FieldEnd:
		// Terraform shows the line of an attribute of the resource, and of one below
		// that only the resource. Which address is meant, the reason tells.
		return at.AtName("range"), true
	case ipam.FieldSubnet:
		return at.AtName("subnet"), true
	case ipam.FieldPrefixLength:
		return at.AtName("prefix_length"), true
	case ipam.FieldGateway:
		return at.AtName("default_gateway"), true
	case ipam.FieldExcluded:
		excluded := at.AtName("excluded_addresses")
		if elements := m.ExcludedAddresses.Elements(); e.Index >= 0 && e.Index < len(elements) {
			return excluded.AtSetValue(elements[e.Index]), true
		}
		return excluded, true
	}
	return at, false
}

// Validate reports everything that the addresses alone show to be wrong, each
// on its attribute below at, and says nothing about what is not known yet.
func (m *Model) Validate(ctx context.Context, at path.Path) diag.Diagnostics {
	var diags diag.Diagnostics
	diags.Append(m.validateNameservers(ctx, at.AtName("nameservers"))...)
	wrong := m.validateExclusions(at.AtName("excluded_addresses"))
	diags.Append(wrong...)
	switch {
	case m.Range.IsUnknown() || m.Subnet.IsUnknown():
		return diags
	case m.Range.IsNull() && m.Subnet.IsNull():
		diags.AddAttributeError(at.AtName("range"), "Missing addresses",
			"A pool needs addresses: set one of range and subnet.")
		return diags
	case !m.Range.IsNull() && !m.Subnet.IsNull():
		diags.AddAttributeError(at.AtName("subnet"), "Conflicting attributes",
			"Both range and subnet are set. Keep one of the two.")
		return diags
	case !m.Range.IsNull() && m.PrefixLength.IsNull():
		diags.AddAttributeError(at.AtName("prefix_length"), "Missing prefix length",
			"A range does not tell how large the network around it is. Set prefix_length, such as 24.")
		return diags
	}
	type address struct {
		at    path.Path
		value types.String
	}
	addresses := []address{{at.AtName("default_gateway"), m.DefaultGateway}}
	r, d := m.span(ctx)
	diags.Append(d...)
	if r != nil {
		addresses = append(addresses, address{at.AtName("range"), r.Start}, address{at.AtName("range"), r.End})
	}
	complete := !d.HasError() && m.Known(ctx)
	for _, a := range addresses {
		if a.value.IsUnknown() {
			continue
		}
		if _, err := netip.ParseAddr(a.value.ValueString()); err != nil {
			diags.Append(notAnAddress(a.at, a.value.ValueString()))
			complete = false
		}
	}
	if complete && !wrong.HasError() {
		_, d := m.Arithmetic(ctx, at)
		diags.Append(d...)
	}
	return diags
}

// validateExclusions looks at each exclusion alone, also where others, or the
// network around them, are not known yet.
func (m *Model) validateExclusions(at path.Path) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, element := range m.ExcludedAddresses.Elements() {
		text, ok := element.(types.String)
		if !ok || text.IsUnknown() {
			continue
		}
		if _, err := ipam.ParseRange(text.ValueString()); err != nil {
			diags.AddAttributeError(at.AtSetValue(element), "Not addresses to exclude", diagnostics.Sentence(err.Error())+
				" Write an address, two with a hyphen between them, or a CIDR prefix.")
		}
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

// maxRecord is what the record of a pool may take: the ledger keeps about 4 KiB.
const maxRecord = 3900

// Arithmetic is the pool of a model whose values are known. What is wrong with
// it is an error on its attribute below at.
func (m *Model) Arithmetic(ctx context.Context, at path.Path) (ipam.Pool, diag.Diagnostics) {
	body, diags := m.Body(ctx, "")
	if diags.HasError() {
		return ipam.Pool{}, diags
	}
	pool, err := body.Addresses()
	if err != nil {
		var wrong *ipam.FieldError
		if errors.As(err, &wrong) {
			if place, ok := m.where(at, wrong); ok {
				diags.AddAttributeError(place, "Not a usable IP pool", diagnostics.Sentence(wrong.Reason))
				return pool, diags
			}
		}
		diags.AddError("Not a usable IP pool", diagnostics.Sentence(err.Error()))
		return pool, diags
	}
	if raw, err := json.Marshal(body); err == nil && len(raw) > maxRecord {
		diags.AddAttributeError(at.AtName("excluded_addresses"), "The IP pool is too long to record", fmt.Sprintf(
			"Its record would take %d bytes, and at most %d can be kept in vSphere tags. Write exclusions that follow each other as ranges.", len(raw), maxRecord))
	}
	return pool, diags
}
