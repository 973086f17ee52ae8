package nodeschema

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// PublicKey validates a public SSH key. What is not one may be a private key, so that
// no error repeats it.
type PublicKey struct{}

var _ validator.String = PublicKey{}

// Description implements validator.Describer.
func (PublicKey) Description(context.Context) string {
	return "must be a public key such as `ssh-ed25519 AAAA… comment`"
}

// MarkdownDescription implements validator.Describer.
func (v PublicKey) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (v PublicKey) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	text := req.ConfigValue.ValueString()
	switch {
	case strings.Contains(text, "PRIVATE KEY"):
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "A private SSH key",
			"The value is a private key, which belongs on no other machine. Give the public key, which is in the file beside it that ends in .pub, "+
				"and replace the private one if this configuration was stored or sent."))
	case !sshKeyForm.MatchString(text):
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid SSH key",
			"The value "+v.Description(ctx)+". It is not repeated here."))
	}
}
