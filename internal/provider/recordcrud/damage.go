package recordcrud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
)

// damagedKey is where the private state notes that a record cannot be read, from a
// refresh to the apply that writes it again.
const damagedKey = "damaged"

// IsDamaged reports whether the last refresh found the record damaged.
func IsDamaged(ctx context.Context, private crud.PrivateReader) (bool, diag.Diagnostics) {
	raw, diags := private.GetKey(ctx, damagedKey)
	return len(raw) > 0, diags
}

// noteDamage notes whether the record is damaged.
func noteDamage(ctx context.Context, private crud.PrivateWriter, damaged bool) diag.Diagnostics {
	var raw []byte // deletes the key
	if damaged {
		raw = []byte("true")
	}
	return private.SetKey(ctx, damagedKey, raw)
}
