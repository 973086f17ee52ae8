package ledger_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// checkForeign makes sure that a claim whose description says anything at all
// stays taken, unless it names the very owner.
func checkForeign(t *testing.T, description string) {
	t.Helper()
	store := ledgertest.NewStore()
	l, _ := join(store)
	pool := nodes(t, "2")
	snap := snapshot(t, l)
	me := owner("me", 1)
	addr := claim(t, l, pool, owner("me", 2), snap)
	must(t, store.Update(t.Context(), store.Tags()[0].ID, description))
	got := claim(t, l, pool, me, snapshot(t, l))
	holder, err := l.Holder(t.Context(), pool.ID, addr)
	must(t, err)
	if got == addr && holder != me {
		t.Fatalf("%s was issued, although %q holds it", addr, description)
	}
	if holder != me {
		if err := l.Release(t.Context(), pool, addr, me); err == nil {
			t.Fatalf("a claim that says %q was released", description)
		}
	}
	id := register(t, l, record.KindCluster, "prod", "{}")
	must(t, store.Update(t.Context(), id, description))
	_, _ = l.Record(t.Context(), id) // any error will do
	err = l.UpdateRecord(t.Context(), id, []byte(bodies[5]))
	if errors.Is(err, record.ErrNewer) {
		if tag, err := store.Get(t.Context(), id); err != nil || tag.Description != description {
			t.Fatalf("a newer record was written over with %q (%v)", tag.Description, err)
		}
		return
	}
	must(t, err)
	wantBody(t, l, ledger.Record{Ref: ref(record.KindCluster, "prod")}, bodies[5])
}

// TestTagIDsAreDerived pins how ids are made: other versions find the same tags.
func TestTagIDsAreDerived(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	pool := nodes(t, "2")
	must(t, l.ClaimAddress(t.Context(), pool, owner("prod", 1), netip.MustParseAddr("10.0.0.2")))
	tag := store.Tags()[0]
	if want := uuid.NewSHA1(pool.ID, []byte("/10.0.0.2")); tag.ID != want {
		t.Errorf("the claim's id is %s, want %s", tag.ID, want)
	}
	if want := pool.ID.String() + "/10.0.0.2"; tag.Name != want {
		t.Errorf("the claim's name is %s, want %s", tag.Name, want)
	}
}
