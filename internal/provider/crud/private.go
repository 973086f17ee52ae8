package crud

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// UnableToReadPrivate is the summary of errors about private state that cannot be read.
const UnableToReadPrivate = "Unable to read the private state"

// ReadPrivate reads into value what private state keeps under a key, and reports whether it keeps
// anything. Where that cannot be read, the error names it by what, and says what to do.
func ReadPrivate(ctx context.Context, private PrivateReader, key string, value any, what, advice string) (bool, diag.Diagnostics) {
	raw, diags := private.GetKey(ctx, key)
	if diags.HasError() || len(raw) == 0 {
		return false, diags
	}
	if err := json.Unmarshal(raw, value); err != nil {
		diags.AddError(UnableToReadPrivate, fmt.Sprintf("%s cannot be read: %s. %s.", what, err, advice))
	}
	return true, diags
}

// WritePrivate has private state keep value under a key.
func WritePrivate(ctx context.Context, private PrivateWriter, key string, value any) diag.Diagnostics {
	raw, err := json.Marshal(value)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to write the private state", err.Error())}
	}
	return private.SetKey(ctx, key, raw)
}
