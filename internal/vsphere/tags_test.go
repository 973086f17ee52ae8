package vsphere_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

func TestTagStoreConforms(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(t *testing.T) ledger.Store { return vsphere.NewTagStore(start(t).client) })
}

func TestClaimsConform(t *testing.T) {
	t.Parallel()
	ledgertest.RunClaims(t, 40, func(t *testing.T) ledger.Store { return vsphere.NewTagStore(start(t).client) })
}

func tag(name string) ledger.Tag {
	return ledger.Tag{ID: uuid.NewSHA1(uuid.NameSpaceDNS, []byte(name)), Name: name, Description: "of a test"}
}

func TestCategoryIsMadeOnceAndFoundWithOneCall(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	// Reading creates nothing.
	if ids, err := store.List(t.Context()); err != nil || len(ids) > 0 {
		t.Fatalf("list %v, %v", ids, err)
	}
	if c := v.Calls(); c.REST["POST category"]+c.REST["POST tag"] > 0 {
		t.Fatalf("a list created something: %+v", c)
	}
	v.must(store.Create(t.Context(), tag("one")))
	calls := v.calls(func() { v.must(store.Create(t.Context(), tag("two"))) })
	if calls.Total != 1 {
		t.Fatalf("the next create took %+v", calls)
	}

	// Another process.
	other, err := (&vsphere.Sessions{}).Get(t.Context(), v.config())
	v.must(err)
	calls = v.calls(func() {
		ids, err := vsphere.NewTagStore(other).List(t.Context())
		v.must(err)
		if len(ids) != 2 {
			t.Fatalf("list %v", ids)
		}
	})
	if calls.Total != 3 || calls.REST["GET tag/id"] != 1 || calls.REST["GET category"] > 0 {
		t.Fatalf("the first list of a process took %+v, want login, root tag and list", calls)
	}
	v.must(other.Logout(t.Context()))
}

func TestCategoryOfAnAdministratorIsUsed(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) { o.Inventory.LedgerCategory = true })
	v.DenyPrivilege("", "InventoryService.Tagging.CreateCategory")
	store := vsphere.NewTagStore(v.client)
	v.must(store.Create(t.Context(), tag("one")))
	ids, err := store.List(t.Context())
	if v.must(err); len(ids) != 1 || ids[0] != tag("one").ID {
		t.Fatalf("list %v", ids)
	}
}

func TestMissingTagPrivilegesNameTheRemedy(t *testing.T) {
	t.Parallel()
	v := start(t)
	v.DenyPrivilege("", "InventoryService.Tagging.CreateCategory")
	store := vsphere.NewTagStore(v.client)
	err := store.Create(t.Context(), tag("one"))
	var denied *vsphere.TagPermissionError
	if !errors.As(err, &denied) || !denied.Category || !errors.Is(err, model.ErrPermission) ||
		!strings.Contains(err.Error(), "govc tags.category.create") {
		t.Fatalf("error %v", err)
	}
	v.RestorePrivileges()
	v.must(store.Create(t.Context(), tag("one")))
	v.DenyPrivilege("", "InventoryService.Tagging.CreateTag")
	err = store.Create(t.Context(), tag("two"))
	if !errors.As(err, &denied) || denied.Category || !strings.Contains(err.Error(), "global permission") {
		t.Fatalf("error %v", err)
	}
}

func TestDeletedCategoryIsMadeAgain(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	v.must(store.Create(t.Context(), tag("one")))
	v.rest(http.MethodDelete, "/com/vmware/cis/tagging/category/id:"+v.categoryID())
	if ids, err := store.List(t.Context()); err != nil || len(ids) > 0 {
		t.Fatalf("list %v, %v", ids, err)
	}
	v.must(store.Create(t.Context(), tag("one")))
	if ids, err := store.List(t.Context()); err != nil || len(ids) != 1 {
		t.Fatalf("list %v, %v", ids, err)
	}
}

// TestATagTellsItsCategory reads a tag first, as a refresh does: the list after it
// needs no other call. A create still makes the root tag that was deleted.
func TestATagTellsItsCategory(t *testing.T) {
	t.Parallel()
	v := start(t)
	v.must(vsphere.NewTagStore(v.client).Create(t.Context(), tag("one")))
	var root string
	for _, name := range v.Leftovers().Tags {
		if strings.HasPrefix(name, "!") {
			root = name
		}
	}
	if root == "" {
		t.Fatalf("no root tag: %v", v.Leftovers().Tags)
	}
	v.rest(http.MethodDelete, "/com/vmware/cis/tagging/tag/id:urn:vmomi:InventoryServiceTag:6a0f3c0e-7d52-5b1e-9a55-6f1d5c1b2e70:GLOBAL")

	other, err := (&vsphere.Sessions{}).Get(t.Context(), v.config())
	v.must(err)
	store := vsphere.NewTagStore(other)
	calls := v.calls(func() {
		if _, err := store.Get(t.Context(), tag("one").ID); err != nil {
			t.Fatal(err)
		}
		if ids, err := store.List(t.Context()); err != nil || len(ids) != 1 {
			t.Fatalf("list %v, %v", ids, err)
		}
	})
	if calls.Total != 3 || calls.REST["GET tag/id"] != 1 {
		t.Fatalf("a read and a list took %+v, want login, tag and list", calls)
	}
	v.must(store.Create(t.Context(), tag("two")))
	if !slices.Contains(v.Leftovers().Tags, root) {
		t.Fatalf("the root tag was not made again: %v", v.Leftovers().Tags)
	}
	v.must(other.Logout(t.Context()))
}

func TestTagsAreCreatedOnceAndReadAgain(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	v.must(store.Create(t.Context(), tag("one")))

	v.must(v.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: "POST tag"}))
	calls := v.calls(func() {
		if err := store.Create(t.Context(), tag("two")); !model.Transient(err) {
			t.Fatalf("error %v", err)
		}
	})
	if calls.REST["POST tag"] != 1 {
		t.Fatalf("a create whose response was lost was sent again: %+v", calls)
	}
	if err := store.Create(t.Context(), tag("two")); !errors.Is(err, ledger.ErrExists) {
		t.Fatalf("error %v", err)
	}
	v.must(v.AddFault(simulator.Fault{Kind: simulator.DropBefore, Call: "GET tag/id"}))
	if got, err := store.Get(t.Context(), tag("two").ID); err != nil || got != tag("two") {
		t.Fatalf("%+v, %v", got, err)
	}
	v.must(v.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Call: "PATCH tag/id", Fault: "service_unavailable"}))
	if err := store.Update(t.Context(), tag("two").ID, "new"); !model.Transient(err) {
		t.Fatalf("error %v", err)
	}
}
