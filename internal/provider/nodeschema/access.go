package nodeschema

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// ProxyURL validates the URL of a proxy as the nodes will read it. Its error does not
// repeat the URL, which may carry a password.
type ProxyURL struct{}

var _ validator.String = ProxyURL{}

// Description implements validator.Describer.
func (ProxyURL) Description(context.Context) string {
	return "must be a URL such as http://proxy.example.com:3128"
}

// MarkdownDescription implements validator.Describer.
func (v ProxyURL) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (ProxyURL) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	refuse(req, resp, "Invalid proxy URL", bootstrap.CheckProxyURL)
}

// TimeServer validates an NTP server as the nodes will read it.
type TimeServer struct{}

var _ validator.String = TimeServer{}

// Description implements validator.Describer.
func (TimeServer) Description(context.Context) string {
	return "must be a host name or an address, without a scheme or a port"
}

// MarkdownDescription implements validator.Describer.
func (v TimeServer) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (TimeServer) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	refuse(req, resp, "Invalid NTP server", bootstrap.CheckTimeServer)
}

// refuse adds the error that check returns for a value that is known.
func refuse(req validator.StringRequest, resp *validator.StringResponse, summary string, check func(string) error) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, summary, diagnostics.Sentence(err.Error())))
	}
}
