package ippool

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
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

// damaged tells what is to be done about a record that cannot be read. The next
// apply writes the record of a pool again that the state knows.
func (m *model) damaged(err error) diag.Diagnostic {
	var renamed *ledger.DamagedError
	switch {
	case errors.As(err, &renamed) && renamed.Renamed:
		return diag.NewErrorDiagnostic("Unable to read "+m.thing(), diagnostics.Sentence(err.Error())+
			fmt.Sprintf("\n\nName the tag %q again. Addresses in use stay in use.", m.key().Ref().String()))
	case m.PrefixLength.IsNull(): // imported: nothing is known but the name
		return diagnostics.FromError("read", m.thing(), err)
	}
	return diag.NewWarningDiagnostic("The record of "+m.thing()+" is damaged", diagnostics.Sentence(err.Error())+
		"\n\nThe next apply writes it again, as the state knows it; until then no cluster gets an address of it.")
}
