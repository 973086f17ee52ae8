package ledger_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// inhabited is a ledger with a tag of every kind.
func inhabited(t *testing.T) (*ledgertest.Store, *ledger.Ledger, ledger.IPPool) {
	t.Helper()
	store := ledgertest.NewStore()
	l, _ := join(store)
	gateway := register(t, l, record.KindGateway, "dc1", bodies[5])
	nodes := record.Ref{Kind: record.KindIPPool, GatewayID: gateway, Name: "nodes"}
	id, err := l.Register(t.Context(), ledger.Record{Ref: nodes, Body: []byte(poolBody)})
	must(t, err)
	_, err = l.Lock(t.Context(), gateway, "a run")
	must(t, err)
	pool := coolingDown(t, "9")
	pool.ID, pool.SingleCluster = id, true
	must(t, l.ClaimAddress(t.Context(), pool, owner("prod", 1), netip.MustParseAddr("10.0.0.1")))
	must(t, l.Release(t.Context(), pool, netip.MustParseAddr("10.0.0.1"), owner("prod", 1)))
	must(t, l.ClaimAddress(t.Context(), pool, owner("prod", 1), netip.MustParseAddr("10.0.0.2")))
	must(t, store.Create(t.Context(), ledger.Tag{ID: uuid.New(), Name: "a note", Description: "by hand"}))
	return store, l, pool
}

func TestEntriesOfEveryKind(t *testing.T) {
	t.Parallel()
	store, l, pool := inhabited(t)
	gateway := l.ID(ref(record.KindGateway, "dc1"))
	entries, err := l.Entries(t.Context())
	must(t, err)
	if len(entries) != len(store.Tags()) {
		t.Errorf("%d entries of %d tags", len(entries), len(store.Tags()))
	}
	counts := map[ledger.EntryKind]int{}
	for _, e := range entries {
		counts[e.Kind]++
		checkEntry(t, e, l, gateway, pool.ID)
	}
	for _, kind := range []ledger.EntryKind{
		ledger.EntryRecord, ledger.EntryChunk, ledger.EntryChild, ledger.EntryIndex, ledger.EntryClaim,
		ledger.EntryCooldown, ledger.EntryReservation, ledger.EntryLock, ledger.EntryStray,
	} {
		if counts[kind] == 0 {
			t.Errorf("there is no %s", kind)
		}
	}
}

func checkEntry(t *testing.T, e ledger.Entry, l *ledger.Ledger, gateway, pool uuid.UUID) {
	t.Helper()
	recent := func() {
		if time.Since(e.Since).Abs() > time.Minute {
			t.Errorf("%s is since %s", e.Name, e.Since)
		}
	}
	switch e.Kind {
	case ledger.EntryRecord:
		want := map[uuid.UUID]string{gateway: bodies[5], pool: poolBody}[e.ID]
		if string(e.Record.Body) != want || e.ID != l.ID(e.Record.Ref) {
			t.Errorf("the record is %+v", e.Record)
		}
	case ledger.EntryChunk, ledger.EntryLock:
		if e.Parent != gateway || e.Held != (e.Kind == ledger.EntryLock) {
			t.Errorf("the %s is %+v", e.Kind, e)
		}
	case ledger.EntryChild:
		if e.Parent != gateway || e.Child != (record.Ref{Kind: record.KindIPPool, GatewayID: gateway, Name: "nodes"}) {
			t.Errorf("the child is %+v", e)
		}
	case ledger.EntryIndex:
		if e.IPPool != pool {
			t.Errorf("the index entry is %+v", e)
		}
	case ledger.EntryClaim:
		recent()
		if e.IPPool != pool || e.Owner != owner("prod", 1) || e.Address.String() != "10.0.0.2" {
			t.Errorf("the claim is %+v", e)
		}
	case ledger.EntryCooldown:
		recent()
		if e.IPPool != pool || e.Owner.Cluster != clusterID("prod") || e.Address.String() != "10.0.0.1" {
			t.Errorf("the cool-down is %+v", e)
		}
	case ledger.EntryReservation:
		recent()
		if e.IPPool != pool || e.Owner.Cluster != clusterID("prod") {
			t.Errorf("the reservation is %+v", e)
		}
	case ledger.EntryStray:
		if e.Name != "a note" || e.Description != "by hand" {
			t.Errorf("the stray is %+v", e)
		}
	}
}

// TestEditedDescriptionsLeaveEntriesTheirKind edits every tag: its name and id say
// what it is, and its owner is unknown.
func TestEditedDescriptionsLeaveEntriesTheirKind(t *testing.T) {
	t.Parallel()
	store, l, pool := inhabited(t)
	before, err := l.Entries(t.Context())
	must(t, err)
	for _, e := range before {
		must(t, store.Update(t.Context(), e.ID, "edited"))
	}
	after, err := l.Entries(t.Context())
	must(t, err)
	owned := map[ledger.EntryKind]bool{ledger.EntryClaim: true, ledger.EntryCooldown: true, ledger.EntryReservation: true}
	for i, e := range after {
		if e.Kind != before[i].Kind || e.Parent != before[i].Parent || e.Address != before[i].Address {
			t.Errorf("%+v was %+v", e, before[i])
		}
		if e.Owner.Known() || e.Owner.Node != "" || (e.Owner.Cluster == ledger.UnknownCluster) != owned[e.Kind] {
			t.Errorf("the edited %s is owned by %v", e.Name, e.Owner)
		}
	}
	// The claim stays taken, and cannot be released.
	addr := netip.MustParseAddr("10.0.0.2")
	if err := l.Release(t.Context(), pool, addr, owner("prod", 1)); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("Release of an edited claim: %v, want a *HeldError", err)
	}
	if !snapshot(t, l).Has(pool.ID, addr) {
		t.Error("the edited claim is not taken")
	}
}

// TestEntryOfALockTellsWhoIsAlive follows a lock from its taking to its release.
func TestEntryOfALockTellsWhoIsAlive(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	prod := register(t, l, record.KindCluster, "prod", "{}")
	lock := func() ledger.Entry {
		t.Helper()
		entries, err := l.Entries(t.Context())
		must(t, err)
		if len(entries) != 2 || entries[0].Kind != ledger.EntryLock || entries[0].Parent != prod {
			t.Fatalf("the entries are %+v", entries)
		}
		return entries[0]
	}
	now, err := store.Now(t.Context())
	must(t, err)
	lease, err := l.Lock(t.Context(), prod, "here")
	must(t, err)
	if e := lock(); !e.Held || e.Heartbeat.Sub(now).Abs() > 2*time.Second {
		t.Errorf("a lock that was taken at %s is %+v", now, e)
	}
	store.Advance(time.Hour)
	if e := lock(); !e.Held || e.Heartbeat.Sub(now).Abs() > 2*time.Second {
		t.Errorf("an hour later the lock is %+v", e)
	}
	must(t, store.Update(t.Context(), lock().ID, "edited"))
	if e := lock(); !e.Held || !e.Heartbeat.IsZero() {
		t.Errorf("edited, it is %+v", e)
	}
	must(t, lease.Release(t.Context()))
	if e := lock(); e.Held {
		t.Errorf("released, it is %+v", e)
	}
}

func TestTagsThatClaimToBeWhatTheyAreNotAreStrays(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	pool := l.ID(ref(record.KindIPPool, "nodes"))
	derived := func(suffix string) uuid.UUID { return uuid.NewSHA1(pool, []byte(suffix)) }
	for name, id := range map[string]uuid.UUID{
		pool.String() + "/10.0.0.1":             uuid.New(), // another's id
		pool.String() + "/10.0.0.01":            derived("/10.0.0.01"),
		pool.String() + "/::ffff:10.0.0.1%eth0": derived("/::ffff:10.0.0.1%eth0"),
		pool.String() + "@1x":                   derived("@1x"),
		pool.String() + "@":                     derived("@"),
		pool.String() + "@-1":                   derived("@-1"),
		pool.String() + "+1":                    derived("+1"),
		pool.String() + "+0.-1":                 derived("+0.-1"),
		pool.String() + "#0 x":                  derived("#0"),
		pool.String() + "#1":                    derived("#1"),
		pool.String() + "?":                     derived("?"),
		pool.String():                           uuid.New(),
		"ip-pool:-/nodes":                       uuid.New(),
		"ip-pool:-/":                            l.ID(ref(record.KindIPPool, "")),
		"ip-pool":                               uuid.New(),
	} {
		must(t, store.Create(t.Context(), ledger.Tag{ID: id, Name: name, Description: "{}"}))
	}
	entries, err := l.Entries(t.Context())
	must(t, err)
	for _, e := range entries {
		if e.Kind != ledger.EntryStray {
			t.Errorf("%q is taken for a %s: %+v", e.Name, e.Kind, e)
		}
	}
}
