package connection

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// CheckID returns an error where an object's id in the state is not the one that it
// has in the vCenter of the ledger. A provider that was pointed to another vCenter
// finds no record there, which proves nothing.
func CheckID(l *ledger.Ledger, ref record.Ref, id uuid.UUID) error {
	derived := l.ID(ref)
	if id == derived {
		return nil
	}
	return fmt.Errorf("it has the id %s in the state and would have %s in the vCenter that the provider is connected to: "+
		"it belongs to another vCenter. Set vcenter_server of the provider back, or remove the resource from the state with "+
		"`terraform state rm`", id, derived)
}
