package ippool

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// damagedKey is where the private state notes that the pool's record can't be
// read, from a refresh to the apply that writes it again.
const damagedKey = "damaged"

type privateReader interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}

type privateWriter interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}

func isDamaged(ctx context.Context, private privateReader, diags *diag.Diagnostics) bool {
	raw, d := private.GetKey(ctx, damagedKey)
	diags.Append(d...)
	return len(raw) > 0
}

// noteDamage notes whether the record is damaged.
func noteDamage(ctx context.Context, private privateWriter, damaged bool) diag.Diagnostics {
	var raw []byte // deletes the key
	if damaged {
		raw = []byte("true")
	}
	return private.SetKey(ctx, damagedKey, raw)
}

// decode reads the body of a pool's record; one that makes no pool is an error.
func decode(rec ledger.Record) (ledger.PoolBody, error) {
	var body ledger.PoolBody
	if err := json.Unmarshal(rec.Body, &body); err != nil {
		return body, fmt.Errorf("the description is not what Gantry writes: %w", err)
	}
	if _, err := body.IPAM(); err != nil {
		return body, fmt.Errorf("the description makes no pool: %w", err)
	}
	return body, nil
}
