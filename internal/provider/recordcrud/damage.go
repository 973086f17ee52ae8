package recordcrud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// damagedKey is where the private state notes that a record cannot be read, from a
// refresh to the apply that writes it again.
const damagedKey = "damaged"

type privateReader interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}

type privateWriter interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}

// IsDamaged reports whether the last refresh found the record damaged.
func IsDamaged(ctx context.Context, private privateReader) (bool, diag.Diagnostics) {
	raw, diags := private.GetKey(ctx, damagedKey)
	return len(raw) > 0, diags
}

// noteDamage notes whether the record is damaged.
func noteDamage(ctx context.Context, private privateWriter, damaged bool) diag.Diagnostics {
	var raw []byte // deletes the key
	if damaged {
		raw = []byte("true")
	}
	return private.SetKey(ctx, damagedKey, raw)
}
