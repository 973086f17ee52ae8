package nodeschema

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/sshkey"
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
	switch _, err := sshkey.Parse(req.ConfigValue.ValueString()); {
	case errors.Is(err, sshkey.ErrPrivate):
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "A private SSH key",
			"The value is a private key, which belongs on no other machine. Give the public key, which is in the file beside it that ends in .pub, "+
				"and replace the private one if this configuration was stored or sent."))
	case err != nil:
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid SSH key",
			"The value "+v.Description(ctx)+"; "+err.Error()+". It is not repeated here."))
	}
}

// sameKeys keeps the state's spelling of keys that are the same, so that the line end
// that file() leaves changes nothing.
type sameKeys struct{}

var _ planmodifier.List = sameKeys{}

// Description implements planmodifier.Describer.
func (sameKeys) Description(context.Context) string {
	return "Blanks and line ends around a key are no change."
}

// MarkdownDescription implements planmodifier.Describer.
func (k sameKeys) MarkdownDescription(ctx context.Context) string { return k.Description(ctx) }

// PlanModifyList implements planmodifier.List.
func (sameKeys) PlanModifyList(_ context.Context, req planmodifier.ListRequest, resp *planmodifier.ListResponse) {
	before, after := req.StateValue.Elements(), req.PlanValue.Elements()
	if req.StateValue.IsNull() || req.PlanValue.IsNull() || req.PlanValue.IsUnknown() || len(before) != len(after) {
		return
	}
	for i := range after {
		was, is := before[i].(types.String), after[i].(types.String)
		if is.IsUnknown() || sshkey.Trim(was.ValueString()) != sshkey.Trim(is.ValueString()) {
			return
		}
	}
	resp.PlanValue = req.StateValue
}
