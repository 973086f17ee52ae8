package ippoolspec

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

// fieldPath is the attribute, below the path of the pool, that a finding about its
// arithmetic is about; false for a field that users do not write.
func fieldPath(at path.Path, e *ipam.FieldError) (path.Path, bool) {
	switch e.Field {
	case ipam.FieldStart, ipam.FieldEnd:
		// Which of the two addresses is meant, the reason says.
		return at.AtName("range"), true
	case ipam.FieldSubnet:
		return at.AtName("subnet"), true
	case ipam.FieldPrefixLength:
		return at.AtName("prefix_length"), true
	case ipam.FieldGateway:
		return at.AtName("default_gateway"), true
	case ipam.FieldExcluded:
		return at.AtName("excluded_addresses"), true
	}
	return at, false
}

// Validate refuses what the addresses alone show to be wrong, each on its
// attribute below at. It reports nothing about what is not known yet.
func (m *Model) Validate(ctx context.Context, at path.Path) diag.Diagnostics {
	diags := m.validateNameservers(at.AtName("nameservers"))
	exclusions := m.validateExclusions(at.AtName("excluded_addresses"))
	diags.Append(exclusions...)
	if m.Range.IsUnknown() || m.Subnet.IsUnknown() {
		return diags
	}
	if wrong := m.validateShape(at); wrong != nil {
		diags.Append(wrong)
		return diags
	}

	addresses, complete := m.validateAddresses(ctx, at)
	diags.Append(addresses...)
	if complete && !exclusions.HasError() {
		_, more := m.Arithmetic(ctx, at)
		diags.Append(more...)
	}
	return diags
}

// validateShape refuses a pool that is not written as a range or as a subnet; nil
// where it is.
func (m *Model) validateShape(at path.Path) diag.Diagnostic {
	switch {
	case m.Range.IsNull() && m.Subnet.IsNull():
		return diagnostics.AttributeError(at.AtName("range"), "Missing addresses",
			"An IP pool needs addresses: set one of range and subnet.")
	case !m.Range.IsNull() && !m.Subnet.IsNull():
		return diagnostics.AttributeError(at.AtName("subnet"), "Conflicting attributes",
			"Both range and subnet are set. Keep one of the two.")
	case !m.Range.IsNull() && m.PrefixLength.IsNull():
		return diagnostics.AttributeError(at.AtName("prefix_length"), "Missing prefix length",
			"A range does not tell how large the network around it is. Set prefix_length, such as 24.")
	}
	return nil
}

// validateAddresses refuses addresses that are none. It reports whether all that
// makes up the pool is known and valid by itself.
func (m *Model) validateAddresses(ctx context.Context, at path.Path) (diags diag.Diagnostics, complete bool) {
	type address struct {
		at    path.Path
		value types.String
	}
	values := []address{{at.AtName("default_gateway"), m.DefaultGateway}}
	r, diags := m.rangeValues(ctx)
	if r != nil {
		values = append(values, address{at.AtName("range"), r.Start}, address{at.AtName("range"), r.End})
	}
	complete = !diags.HasError() && m.Known(ctx)
	for _, v := range values {
		if v.value.IsUnknown() {
			continue
		}
		if _, err := netip.ParseAddr(v.value.ValueString()); err != nil {
			diags.Append(invalidAddress(v.at, v.value.ValueString()))
			complete = false
		}
	}
	return diags, complete
}

// validateExclusions validates each exclusion alone, also where others, or the
// network around them, are not known yet.
func (m *Model) validateExclusions(at path.Path) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, element := range m.ExcludedAddresses.Elements() {
		text, ok := element.(types.String)
		if !ok || text.IsUnknown() || text.IsNull() {
			continue
		}
		if _, err := ipam.ParseRange(text.ValueString()); err != nil {
			diags.Append(diagnostics.AttributeError(at, "Invalid excluded address", diagnostics.Sentence(err.Error())+
				" Write an address, two with a hyphen between them, or a CIDR prefix."))
		}
	}
	return diags
}

func invalidAddress(at path.Path, value string) diag.Diagnostic {
	return diagnostics.AttributeError(at, "Invalid IP address", fmt.Sprintf("%q is neither an IPv4 nor an IPv6 address.", value))
}

// maxRecord is how many bytes the record of a pool may take: the ledger keeps about
// 4 KiB.
const maxRecord = 3900

// Arithmetic is the addresses of a model whose values are known. What is wrong with
// them is an error on its attribute below at.
func (m *Model) Arithmetic(ctx context.Context, at path.Path) (ipam.Pool, diag.Diagnostics) {
	body, diags := m.Record(ctx, "")
	if diags.HasError() {
		return ipam.Pool{}, diags
	}
	pool, err := body.Addresses()
	if err != nil {
		diags.Append(invalidPool(at, err))
		return pool, diags
	}
	if raw, err := json.Marshal(body); err == nil && len(raw) > maxRecord {
		diags.Append(diagnostics.AttributeError(at.AtName("excluded_addresses"), "IP pool definition too large", fmt.Sprintf(
			"Its record would take %d bytes, and vSphere tags hold at most %d. Write exclusions that follow each other as ranges.",
			len(raw), maxRecord)))
	}
	return pool, diags
}

func invalidPool(at path.Path, err error) diag.Diagnostic {
	const summary = "Invalid IP pool"
	var wrong *ipam.FieldError
	if !errors.As(err, &wrong) {
		return diag.NewErrorDiagnostic(summary, diagnostics.Sentence(err.Error()))
	}
	place, ok := fieldPath(at, wrong)
	if !ok {
		return diag.NewErrorDiagnostic(summary, diagnostics.Sentence(err.Error()))
	}
	return diagnostics.AttributeError(place, summary, diagnostics.Sentence(wrong.Reason))
}
