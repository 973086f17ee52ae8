package crud

import (
	"context"

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
	_, diags := ReadPrivate(ctx, private, identityKey, &i, "Which creation the state comes from", "Restore an earlier version of the state")
	return i, diags
}

// WriteIdentity sets the identity of a resource.
func WriteIdentity(ctx context.Context, private PrivateWriter, i Identity) diag.Diagnostics {
	return WritePrivate(ctx, private, identityKey, i)
}
