package vsphere_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// TestLedgerNeedsItsPrivileges takes from the provider's user each privilege that the table
// says the ledger needs: what needs it fails and says so, and nothing else does.
func TestLedgerNeedsItsPrivileges(t *testing.T) {
	t.Parallel()
	v := start(t)
	l := ledger.New(vsphere.NewTagStore(v.client), "vcenter")
	kept := record.Ref{Kind: record.KindCluster, Name: "kept"}
	register := func(ref record.Ref) error {
		_, err := l.Register(t.Context(), ledger.Record{Ref: ref, Body: []byte("{}")})
		return err
	}
	v.must(register(kept))
	numbered := 0
	do := map[string]func() error{
		"InventoryService.Tagging.CreateTag": func() error {
			numbered++
			return register(record.Ref{Kind: record.KindCluster, Name: fmt.Sprint("new-", numbered)})
		},
		"InventoryService.Tagging.EditTag": func() error {
			numbered++
			return l.UpdateRecord(t.Context(), l.ID(kept), fmt.Appendf(nil, `{"a":%d}`, numbered))
		},
		"InventoryService.Tagging.DeleteTag": func() error {
			return vsphere.NewTagStore(v.client).Delete(t.Context(), l.ID(kept))
		},
	}
	for _, row := range privileges.Table() {
		if row.Role != privileges.Ledger || row.Optional {
			continue
		}
		if do[row.ID] == nil {
			t.Errorf("nothing proves that the ledger needs %s", row.ID)
			continue
		}
		v.DenyPrivilege(v.Username(), row.ID)
		for id, run := range do {
			if id == "InventoryService.Tagging.DeleteTag" && id != row.ID {
				continue // which would take the record away
			}
			err := run()
			var lacks *vsphere.TagPermissionError
			if needs := id == row.ID; needs != errors.As(err, &lacks) || !needs && err != nil {
				t.Errorf("%s without %s: %v", id, row.ID, err)
			}
		}
		v.RestorePrivileges()
	}
	v.must(do["InventoryService.Tagging.DeleteTag"]())
}
