package nodeschema

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Duration validates a duration of one second, or of Least, to a day.
type Duration struct{ Least time.Duration }

var _ validator.String = Duration{}

// Description implements validator.Describer.
func (d Duration) Description(context.Context) string {
	return fmt.Sprintf("must be a duration from %s to 24h, such as 10m", strings.Replace(d.least().String(), "m0s", "m", 1))
}

func (d Duration) least() time.Duration { return cmp.Or(d.Least, time.Second) }

// MarkdownDescription implements validator.Describer.
func (d Duration) MarkdownDescription(ctx context.Context) string { return d.Description(ctx) }

// ValidateString implements validator.String.
func (d Duration) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	span, err := time.ParseDuration(req.ConfigValue.ValueString())
	if err != nil || span < d.least() || span > 24*time.Hour {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid duration",
			fmt.Sprintf("%q %s.", req.ConfigValue.ValueString(), d.Description(ctx))))
	}
}

// CIDR validates a network in CIDR form, without host bits.
type CIDR struct{}

var _ validator.String = CIDR{}

// Description implements validator.Describer.
func (CIDR) Description(context.Context) string {
	return "must be a network such as 192.168.0.0/16"
}

// MarkdownDescription implements validator.Describer.
func (v CIDR) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String. Of an address with host bits, the
// error says which network it lies in.
func (CIDR) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	text := req.ConfigValue.ValueString()
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid network",
			fmt.Sprintf("%q is not a network in CIDR form, such as 192.168.0.0/16.", text)))
	case prefix != prefix.Masked():
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid network",
			fmt.Sprintf("%q has host bits set; the network is %s.", text, prefix.Masked())))
	}
}
