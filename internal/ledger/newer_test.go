package ledger_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// newerBodies are what a later release may write: what this one cannot decode,
// within one tag and over several.
var newerBodies = []string{
	`{"v":2,"name":{"is":"now an object"}}`,
	`{"v":2,"name":"nodes","start":"10.0.0.1","end":"10.0.0.9","prefix_length":24}`,
	`{"v":7,"name":"` + strings.Repeat("nodes ", 100) + `"}`,
}

// made registers a record as a later release would: nothing here can do so.
func made(t *testing.T, l *ledger.Ledger, r record.Ref, body string) uuid.UUID {
	t.Helper()
	id, err := l.Register(t.Context(), ledger.Record{Ref: r, Body: []byte(body)})
	must(t, err)
	return id
}

func wantNewer(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	var newer *record.NewerError
	if !errors.As(err, &newer) || !errors.Is(err, record.ErrNewer) || errors.Is(err, ledger.ErrDamaged) || errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("%s: %v, want a *record.NewerError", what, err)
		return
	}
	for _, word := range append(words, "made by a newer Gantry", "upgrade the provider") {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: the error does not say %q: %v", what, word, err)
		}
	}
}

// TestNewerRecordIsNeverWrittenOver does to newer records whatever changes
// records: all of it is refused, and every tag stays as it is.
func TestNewerRecordIsNeverWrittenOver(t *testing.T) {
	t.Parallel()
	for _, kind := range []record.Kind{record.KindCluster, record.KindGateway, record.KindIPPool, record.KindCloudAccount} {
		for _, body := range newerBodies {
			store := ledgertest.NewStore()
			l, _ := join(store)
			r := ref(kind, "nodes")
			id := made(t, l, r, body)
			before := store.Tags()

			got, err := l.Record(t.Context(), id)
			wantNewer(t, "Record", err, r.Describe())
			if got.Ref != r || got.Body != nil {
				t.Errorf("the record is %+v", got)
			}
			_, err = l.Register(t.Context(), ledger.Record{Ref: r, Body: []byte("{}")})
			wantNewer(t, "Register", err, r.Describe())
			var exists *ledger.RecordExistsError
			if !errors.As(err, &exists) || !errors.Is(err, ledger.ErrExists) {
				t.Errorf("Register: %v, want a *RecordExistsError", err)
			}
			wantNewer(t, "UpdateRecord", l.UpdateRecord(t.Context(), id, []byte(`{"name":"nodes"}`)), r.Describe())
			wantNewer(t, "Unregister", l.Unregister(t.Context(), id), r.Describe())
			if kind == record.KindIPPool {
				wantNewer(t, "Reserve", l.Reserve(t.Context(), id, clusterID("prod")), r.Describe())
			}

			if after := store.Tags(); !slices.Equal(after, before) {
				t.Errorf("%s: the tags are %v, and were %v", kind, after, before)
			}
		}
	}
}

// TestRenamedNewerRecordIsNeverWrittenOver has a newer record whose tag was
// renamed: it is newer before it is damaged.
func TestRenamedNewerRecordIsNeverWrittenOver(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	id := made(t, l, ref(record.KindIPPool, "nodes"), newerBodies[0])
	rename(t, store, id, "ip-pool:-/attic")
	before := store.Tags()
	_, err := l.Record(t.Context(), id)
	wantNewer(t, "Record", err)
	if strings.Contains(err.Error(), "attic") {
		t.Errorf("the error names a record that this is not: %v", err)
	}
	wantNewer(t, "UpdateRecord", l.UpdateRecord(t.Context(), id, []byte("{}")))
	wantNewer(t, "Unregister", l.Unregister(t.Context(), id))
	if after := store.Tags(); !slices.Equal(after, before) {
		t.Errorf("the tags are %v, and were %v", after, before)
	}
}

// TestNewerRecordIsListed has a newer IP pool among others: it is listed and
// compared as one that cannot be read, and the others can.
func TestNewerRecordIsListed(t *testing.T) {
	t.Parallel()
	for _, body := range newerBodies {
		store := ledgertest.NewStore()
		l, _ := join(store)
		future := ref(record.KindIPPool, "future")
		id := made(t, l, future, body)
		register(t, l, record.KindIPPool, "nodes", poolBody)

		pools, err := l.IPPools(t.Context())
		must(t, err)
		if len(pools) != 2 || pools[0].ID != id || pools[0].Ref != future || pools[1].Unreadable != nil {
			t.Fatalf("the IP pools are %+v", pools)
		}
		wantNewer(t, "IPPools", pools[0].Unreadable, future.Describe())

		var twin record.IPPool
		must(t, json.Unmarshal([]byte(poolBody), &twin))
		overlaps, unreadable, err := l.Overlaps(t.Context(), uuid.New(), twin)
		must(t, err)
		if len(overlaps) != 1 || len(unreadable) != 1 || unreadable[0].ID != id {
			t.Errorf("%d overlaps, and %+v cannot be compared", len(overlaps), unreadable)
		}

		entries, err := l.Entries(t.Context())
		must(t, err)
		i := slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.ID == id })
		if i < 0 || entries[i].Kind != ledger.EntryRecord || entries[i].Record.Ref != future {
			t.Fatalf("the entries are %+v", entries)
		}
		_, err = entries[i].Record.IPPool()
		wantNewer(t, "Entries", err, future.Describe())
	}
}

func TestErrorsOfBodiesNameTheRecord(t *testing.T) {
	t.Parallel()
	decode := map[record.Kind]func(ledger.Record) error{
		record.KindCluster:      func(r ledger.Record) error { _, err := r.Cluster(); return err },
		record.KindIPPool:       func(r ledger.Record) error { _, err := r.IPPool(); return err },
		record.KindCloudAccount: func(r ledger.Record) error { _, err := r.CloudAccount(); return err },
	}
	for kind, read := range decode {
		r := ledger.Record{Ref: ref(kind, "prod"), Body: []byte(`[]`)}
		if err := read(r); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), r.String()) {
			t.Errorf("a list as %s: %v, want ErrDamaged", r, err)
		}
		r.Body = []byte(`{"v":2}`)
		wantNewer(t, r.String(), read(r), r.Describe())
		r.Kind = "future"
		r.Body = []byte(`{}`)
		if err := read(r); !errors.Is(err, ledger.ErrDamaged) {
			t.Errorf("%s as %s: %v, want ErrDamaged", r, kind, err)
		}
	}
	gateway := record.Cluster{ID: uuid.New(), Kind: record.KindGateway}
	r, err := ledger.NewRecord(ref(record.KindGateway, "dc1"), gateway)
	must(t, err)
	if got, err := r.Cluster(); err != nil || got.ID != gateway.ID || got.Kind != gateway.Kind {
		t.Errorf("the gateway reads back as %+v (%v)", got, err)
	}
}
