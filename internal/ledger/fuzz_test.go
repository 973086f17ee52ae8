package ledger_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// FuzzDescriptions feeds the ledger with tags that were edited.
func FuzzDescriptions(f *testing.F) {
	f.Add(`{"state":"held","heartbeat":"x"}`)
	f.Fuzz(func(t *testing.T, description string) {
		if len(description) > ledger.MaxDescription {
			return
		}
		checkForeign(t, description)
		checkForeignCooldown(t, description)
		checkForeignReservation(t, description)
		checkForeignNote(t, description)
	})
}

// checkForeignCooldown makes sure that whatever a cool-down tag says its address
// is issued in the end.
func checkForeignCooldown(t *testing.T, description string) {
	t.Helper()
	store := ledgertest.NewStore()
	pool := coolingDown(t, "1")
	used(t, store, pool, 1)
	must(t, store.Update(t.Context(), store.Tags()[0].ID, description))
	store.Advance(expiry)
	l, _ := join(store)
	if _, err := l.Claim(t.Context(), pool, owner("dev", 1), snapshot(t, l)); err != nil {
		t.Fatalf("an address that cools down as %q says is never issued: %v", description, err)
	}
}

// checkForeignReservation makes sure that a reservation, whatever it says, is that
// of the cluster that it names and of no other.
func checkForeignReservation(t *testing.T, description string) {
	t.Helper()
	store := ledgertest.NewStore()
	l, _ := join(store)
	pool := nodes(t, "1")
	must(t, l.Reserve(t.Context(), pool.ID, clusterID("prod")))
	must(t, store.Update(t.Context(), store.Tags()[0].ID, description))
	by, err := l.ReservedBy(t.Context(), pool.ID)
	must(t, err)
	if by == uuid.Nil {
		t.Fatalf("a pool with a reservation that says %q is not reserved", description)
	}
	if err := l.Reserve(t.Context(), pool.ID, clusterID("prod")); (err == nil) != (by == clusterID("prod")) {
		t.Fatalf("a reservation that says %q is %s's, and prod's Reserve returns %v", description, by, err)
	}
}

// checkForeignNote makes sure that whatever stands at a gateway or in the index
// does not keep the rest from being read.
func checkForeignNote(t *testing.T, description string) {
	t.Helper()
	store := ledgertest.NewStore()
	l, _ := join(store)
	gateway := register(t, l, record.KindGateway, "dc1", "{}")
	nodes := record.Ref{Kind: record.KindIPPool, GatewayID: gateway, Name: "nodes"}
	_, err := l.Register(t.Context(), ledger.Record{Ref: nodes, Body: []byte(poolBody)})
	must(t, err)
	for _, tag := range store.Tags() {
		if strings.Contains(tag.Name, "@") {
			must(t, store.Update(t.Context(), tag.ID, description))
		}
	}
	_, err = l.IPPools(t.Context())
	must(t, err)
	_, err = l.Children(t.Context(), gateway)
	must(t, err)
}

// FuzzEntries reads tags of any name and description; the id is either the one
// that the name would have or another.
func FuzzEntries(f *testing.F) {
	pool := ledger.New(nil, "vcenter-1").ID(ref(record.KindIPPool, "nodes")).String()
	f.Add(pool+"/10.0.0.1", `{"cluster":"prod","node":"prod-1"}`, true)
	f.Fuzz(func(t *testing.T, name, description string, derived bool) {
		if name == "" || len(name) > ledger.MaxName || len(description) > ledger.MaxDescription {
			return
		}
		store := ledgertest.NewStore()
		l, _ := join(store)
		tag := ledger.Tag{ID: uuid.New(), Name: name, Description: description}
		if derived {
			tag.ID = idOf(l, name)
		}
		must(t, store.Create(t.Context(), tag))
		entries, err := l.Entries(t.Context())
		must(t, err)
		if len(entries) != 1 {
			t.Fatalf("%d entries of one tag", len(entries))
		}
		e := entries[0]
		if e.ID != tag.ID || e.Name != name || e.Description != description {
			t.Fatalf("the entry is %+v", e)
		}
		if !derived && e.Kind != ledger.EntryStray {
			t.Fatalf("%q with an id of its own is taken for a %s", name, e.Kind)
		}
		address := e.Kind == ledger.EntryClaim || e.Kind == ledger.EntryCooldown
		if address != e.Address.IsValid() || address && !strings.HasPrefix(name, e.IPPool.String()+"/"+e.Address.String()) {
			t.Fatalf("the %s %q is of %s in %s", e.Kind, name, e.Address, e.IPPool)
		}
		if (e.Kind == ledger.EntryRecord) != (e.Record != nil) {
			t.Fatalf("%q is a %s with the record %v", name, e.Kind, e.Record)
		}
	})
}

// idOf is the id that a tag of this name has if it is what the name says.
func idOf(l *ledger.Ledger, name string) uuid.UUID {
	if len(name) > 36 {
		if base, err := uuid.Parse(name[:36]); err == nil {
			suffix := name[36:]
			if strings.HasPrefix(suffix, "#") {
				suffix, _, _ = strings.Cut(suffix, " ")
			}
			return uuid.NewSHA1(base, []byte(suffix))
		}
	}
	ref, _ := record.ParseRef(name)
	return l.ID(ref)
}
