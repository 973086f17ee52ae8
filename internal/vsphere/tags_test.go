package vsphere_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vapi/tags"

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

// Linked vCenters may each make a category: a name that is new in one of them proves
// nothing, so nothing is created until one is left.
func TestTwoCategoriesAreRefused(t *testing.T) {
	t.Parallel()
	v := start(t)
	v.must(vsphere.NewTagStore(v.client).Create(t.Context(), tag("one")))
	first := v.categoryID()
	second, ok := v.CopyCategory("gantry")
	if !ok {
		t.Fatal("there is no category")
	}
	other, err := (&vsphere.Sessions{}).Get(t.Context(), v.config())
	v.must(err)
	store := vsphere.NewTagStore(other)
	var duplicate *vsphere.DuplicateCategoryError
	for range 2 {
		err = store.Create(t.Context(), tag("two"))
		if !errors.As(err, &duplicate) || model.Transient(err) ||
			!strings.Contains(err.Error(), first) || !strings.Contains(err.Error(), second) {
			t.Fatalf("error %v", err)
		}
	}
	if _, err := store.Get(t.Context(), tag("two").ID); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("the tag was created: %v", err)
	}
	// Without the root tag even reading finds two.
	v.rest(http.MethodDelete, "/com/vmware/cis/tagging/tag/id:urn:vmomi:InventoryServiceTag:6a0f3c0e-7d52-5b1e-9a55-6f1d5c1b2e70:GLOBAL")
	third, err := (&vsphere.Sessions{}).Get(t.Context(), v.config())
	v.must(err)
	if _, err := vsphere.NewTagStore(third).List(t.Context()); !errors.As(err, &duplicate) {
		t.Errorf("list: %v", err)
	}
	if err := vsphere.NewTagStore(third).Create(t.Context(), tag("two")); !errors.As(err, &duplicate) {
		t.Errorf("create: %v", err)
	}
	v.rest(http.MethodDelete, "/com/vmware/cis/tagging/category/id:"+second)
	v.must(vsphere.NewTagStore(third).Create(t.Context(), tag("two")))
	v.must(store.Create(t.Context(), tag("three")))
	v.must(errors.Join(other.Logout(t.Context()), third.Logout(t.Context())))
}

// A root tag that is in another category than the one that was just found is no proof.
func TestARootTagThatIsNotTheLedgersIsRefused(t *testing.T) {
	t.Parallel()
	v := start(t, func(o *simulator.Options) { o.Inventory.LedgerCategory = true })
	m := v.manager()
	_, err := m.CreateTag(t.Context(), &tags.Tag{Name: "!gantry", CategoryID: v.categoryID()})
	v.must(err)
	err = vsphere.NewTagStore(v.client).Create(t.Context(), tag("one"))
	if err == nil || model.Transient(err) || !strings.Contains(err.Error(), "delete the tag !gantry") {
		t.Errorf("error %v", err)
	}
}

// Lists leave out what may not be read: its id and its name are taken all the same.
func TestUnreadableTagsAreTaken(t *testing.T) {
	t.Parallel()
	v := start(t)
	store := vsphere.NewTagStore(v.client)
	v.must(store.Create(t.Context(), tag("one")))
	if !v.HideTag("urn:vmomi:InventoryServiceTag:" + tag("one").ID.String() + ":GLOBAL") {
		t.Fatal("no such tag")
	}
	if ids, err := store.List(t.Context()); err != nil || len(ids) > 0 {
		t.Errorf("list %v, %v", ids, err)
	}
	_, err := store.Get(t.Context(), tag("one").ID)
	if !errors.Is(err, ledger.ErrUnreadable) || !errors.Is(err, model.ErrPermission) || errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	sameName, sameID := tag("two"), tag("one")
	sameName.Name, sameID.Name = "one", "two"
	for what, again := range map[string]ledger.Tag{"all": tag("one"), "name": sameName, "id": sameID} {
		if err := store.Create(t.Context(), again); !errors.Is(err, ledger.ErrExists) {
			t.Errorf("create with the same %s: %v", what, err)
		}
	}
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
