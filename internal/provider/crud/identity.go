package crud

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// identityKey is where the private state keeps the identity.
const identityKey = "identity"

// Identity is which creation a state comes from: no other is ever deleted with it.
// Terraform hands it to the plan of a replacement's creation, but not where the object
// is tainted, and not in the apply.
type Identity struct {
	ID          uuid.UUID          `json:"id"`
	Incarnation record.Incarnation `json:"incarnation,omitempty"`
}

// ReadIdentity returns the identity of a resource; zero where none is known, as right
// after an import, or where Terraform has dropped the private state because a provider
// died in an update.
func ReadIdentity(ctx context.Context, private PrivateReader) (Identity, diag.Diagnostics) {
	var i Identity
	raw, diags := private.GetKey(ctx, identityKey)
	if diags.HasError() || len(raw) == 0 {
		return i, diags
	}
	if err := json.Unmarshal(raw, &i); err != nil {
		diags.AddError("Unable to read the private state", fmt.Sprintf(
			"Which creation the state comes from cannot be read: %s. Restore an earlier version of the state.", err))
	}
	return i, diags
}

// WriteIdentity sets the identity of a resource.
func WriteIdentity(ctx context.Context, private PrivateWriter, i Identity) diag.Diagnostics {
	raw, err := json.Marshal(i)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to write the private state", err.Error())}
	}
	return private.SetKey(ctx, identityKey, raw)
}
