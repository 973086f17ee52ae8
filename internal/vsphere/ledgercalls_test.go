package vsphere_test

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// The calls of the tagging service, as the simulator counts them.
const (
	createTag = "POST tag"
	readTag   = "GET tag/id"
	updateTag = "PATCH tag/id"
	deleteTag = "DELETE tag/id"
	listTags  = "POST tag/id?list-tags-for-category"
)

// TestLedgerMakesNoHiddenCalls counts what reaches vCenter: a store that looked up
// its category, or read what it is about to change, would double it.
func TestLedgerMakesNoHiddenCalls(t *testing.T) {
	t.Parallel()
	v := start(t)
	l := ledger.New(vsphere.NewTagStore(v.client), "vcenter")
	cluster := record.Ref{Kind: record.KindCluster, Name: "prod"}
	_, err := l.Register(t.Context(), ledger.Record{Ref: cluster, Body: []byte("{}")})
	v.must(err)
	addresses, err := ipam.New("10.0.0.1", "10.0.0.9", 24, "")
	v.must(err)
	pool := ledger.IPPool{ID: uuid.New(), Name: "nodes", Pool: addresses, ReuseDelay: time.Minute}
	owner := ledger.Owner{Cluster: uuid.New(), Node: "prod-cp-1"}

	var lease *ledger.Lease
	lock := func() (err error) {
		lease, err = l.Lock(t.Context(), l.ID(cluster), "a test")
		return err
	}
	var snap *ledger.Snapshot
	snapshot := func() (err error) {
		snap, err = l.Snapshot(t.Context())
		return err
	}
	var addr netip.Addr
	claim := func() (err error) {
		addr, err = l.Claim(t.Context(), pool, owner, snap)
		return err
	}
	check := func() error { return lease.Check(t.Context()) }
	update := func() error { return l.UpdateRecord(t.Context(), l.ID(cluster), []byte(`{"a":1}`)) }
	release := func() error { return l.Release(t.Context(), pool, addr, owner) }
	unlock := func() error { return lease.Release(t.Context()) }

	v.wantCalls("a first lock", lock, 1, map[string]int{listTags: 2, createTag: 1})
	v.wantCalls("a check", check, 0, nil)
	v.wantCalls("a snapshot", snapshot, 0, map[string]int{listTags: 1})
	v.wantCalls("a claim", claim, 0, map[string]int{createTag: 1})
	v.wantCalls("an update", update, 0, map[string]int{readTag: 1, updateTag: 1})
	v.wantCalls("another update", update, 0, map[string]int{updateTag: 1})
	v.wantCalls("a release", release, 0, map[string]int{readTag: 1, createTag: 1, deleteTag: 1})
	v.wantCalls("an unlock", unlock, 0, map[string]int{updateTag: 1})
	v.wantCalls("a later lock", lock, 1, map[string]int{listTags: 2, readTag: 2, createTag: 1, deleteTag: 1})
	v.wantCalls("a later unlock", unlock, 0, map[string]int{updateTag: 1})
}

// TestListFindsTheCategory counts the calls of a process that begins with a record, as
// every run does: the list that follows shows that the root tag is in the record's
// category, so that the first tag of the process needs no search for it.
func TestListFindsTheCategory(t *testing.T) {
	t.Parallel()
	v := start(t)
	id := uuid.New()
	v.must(vsphere.NewTagStore(v.client).Create(t.Context(), ledger.Tag{ID: id, Name: "prod"}))
	client, err := (&vsphere.Sessions{}).Get(t.Context(), v.config())
	v.must(err)
	store := vsphere.NewTagStore(client)
	_, err = store.Get(t.Context(), id)
	v.must(err)
	list := func() error {
		_, err := store.List(t.Context())
		return err
	}
	create := func() error { return store.Create(t.Context(), ledger.Tag{ID: uuid.New(), Name: "next"}) }
	v.wantCalls("a list", list, 0, map[string]int{listTags: 1})
	v.wantCalls("the first tag", create, 0, map[string]int{"GET category": 1, "GET category/id": 2, createTag: 1})
	v.wantCalls("the second tag", func() error {
		return store.Create(t.Context(), ledger.Tag{ID: uuid.New(), Name: "another"})
	}, 0, map[string]int{createTag: 1})
}

// wantCalls compares all calls that reach vCenter: clock readings and those of the
// tagging service.
func (v *vcenter) wantCalls(what string, do func() error, clock int, tagging map[string]int) {
	v.t.Helper()
	calls := v.calls(func() { v.must(do()) })
	total := clock
	for _, n := range tagging {
		total += n
	}
	if calls.Total != total || calls.SOAP["CurrentTime"] != clock || !maps.Equal(calls.REST, tagging) {
		v.t.Errorf("%s took %+v, want %v and %d readings of the clock", what, calls, tagging, clock)
	}
}
