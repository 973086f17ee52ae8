package attribute

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// CABundle validates certificate authorities as PEM text. One that has ended is a
// warning: what it stood for may have been renewed.
type CABundle struct{}

var _ validator.String = CABundle{}

// Description implements validator.Describer.
func (CABundle) Description(context.Context) string {
	return "must be one or more certificates in PEM form"
}

// MarkdownDescription implements validator.Describer.
func (v CABundle) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (CABundle) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	bundle, err := pki.ParseBundle(req.ConfigValue.ValueString())
	if err != nil {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid CA certificate",
			"The value is invalid: "+err.Error()+`. Read a file with file("ca.pem").`))
		return
	}
	if expired := bundle.Expired(time.Now()); len(expired) > 0 {
		resp.Diagnostics.Append(diagnostics.AttributeWarning(req.Path, "CA certificate expired",
			"It has expired, and nothing that it signed is accepted: "+strings.Join(expired, ", ")+"."))
	}
}
