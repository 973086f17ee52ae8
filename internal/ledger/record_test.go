package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// bodies are of every size that is kept differently: within one tag, just
// beyond it, over several.
var bodies = func() []string {
	var all []string
	for i, n := range []int{2, 250, 252, 253, 470, 490, 3900} {
		text := strings.Repeat(fmt.Sprintf("%d größer ", i), n)
		for len(text) > n {
			text = text[:len(text)-1]
		}
		raw, _ := json.Marshal(strings.ToValidUTF8(text, " "))
		all = append(all, string(raw))
	}
	return all
}()

func wantBody(t *testing.T, l *ledger.Ledger, r ledger.Record, bodies ...string) {
	t.Helper()
	got, err := l.Record(t.Context(), l.ID(r.Ref))
	must(t, err)
	if !slices.Contains(bodies, string(got.Body)) {
		t.Fatalf("the body is %s, want one of %q", got.Body, bodies)
	}
	if got.Ref != r.Ref {
		t.Fatalf("the record is %s, want %s", got, r)
	}
}

func TestRecordsOfEverySizeAreKept(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	for i, body := range bodies {
		r := ledger.Record{Ref: ref(record.KindIPPool, fmt.Sprintf("team a/%d: nodes", i)), Body: []byte(body)}
		notes := 1 // in the index
		if i <= 3 {
			r.GatewayID = clusterID(fmt.Sprint("gw", i%2))
			notes++ // at the gateway
		}
		id, err := l.Register(t.Context(), r)
		must(t, err)
		wantBody(t, l, r, body)
		for _, next := range bodies {
			must(t, l.UpdateRecord(t.Context(), id, []byte(next)))
			wantBody(t, l, r, next)
			parts := 0 // of 252 bytes each, where it does not fit one tag; the first 228 stay there
			if len(next) > 254 {
				parts = (len(next) - 228 + 251) / 252
			}
			wantTags(t, store, 1+parts+notes)
			for _, tag := range store.Tags() {
				if len(tag.Description) > 254 {
					t.Errorf("the description of %s has %d bytes", tag.Name, len(tag.Description))
				}
			}
		}
		must(t, l.Unregister(t.Context(), id))
		if _, err := l.Record(t.Context(), id); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("Record after Unregister: %v, want ErrNotFound", err)
		}
		if err := l.UpdateRecord(t.Context(), id, []byte(body)); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("UpdateRecord after Unregister: %v, want ErrNotFound", err)
		}
		must(t, l.Unregister(t.Context(), id))
		wantTags(t, store, 0)
	}
}

func TestDamagedBodyIsAnError(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	id := register(t, l, record.KindCluster, "prod", bodies[5])
	part := store.Tags()[0]
	if part.ID == id {
		part = store.Tags()[1]
	}
	must(t, store.Update(t.Context(), part.ID, strings.Replace(part.Description, "g", "k", 1)))
	if r, err := l.Record(t.Context(), id); err == nil {
		t.Errorf("the body is read as %s", r.Body)
	}
}

func TestShortRecordsCostOneCallEach(t *testing.T) {
	t.Parallel()
	l, p := join(ledgertest.NewStore())
	id := register(t, l, record.KindCluster, "prod", `{ "a" : 1 }`)
	wantCalls(t, p, map[string]int{ledgertest.Create: 1})
	wantBody(t, l, ledger.Record{Ref: ref(record.KindCluster, "prod")}, `{"a":1}`)
	wantCalls(t, p, map[string]int{ledgertest.Get: 1})
	must(t, l.UpdateRecord(t.Context(), id, []byte("{}")))
	wantCalls(t, p, map[string]int{ledgertest.Get: 1, ledgertest.Update: 1})
}

func TestNamesAreRegisteredOnce(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	id := register(t, l, record.KindCluster, "prod", bodies[5])
	tags := len(store.Tags())
	_, err := l.Register(t.Context(), ledger.Record{Ref: ref(record.KindCluster, "prod"), Body: []byte(bodies[6])})
	var exists *ledger.RecordExistsError
	if !errors.As(err, &exists) || !errors.Is(err, ledger.ErrExists) || exists.ID != id || string(exists.Existing.Body) != bodies[5] {
		t.Fatalf("Register of a name that is taken: %v, want a *RecordExistsError", err)
	}
	wantTags(t, store, tags)
	for _, other := range []ledger.Record{
		{Ref: ref(record.KindGateway, "prod"), Body: []byte("{}")},
		{Ref: record.Ref{Kind: record.KindCluster, Name: "prod", GatewayID: clusterID("gw")}, Body: []byte("{}")},
		{Ref: ref(record.KindCluster, "prod-2"), Body: []byte("{}")},
	} {
		if _, err := l.Register(t.Context(), other); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []ledger.Record{
		{Ref: ref(record.KindCluster, ""), Body: []byte("{}")},
		{Ref: ref(record.KindCluster, " x"), Body: []byte("{}")},
		{Ref: ref(record.KindCluster, "x\ny"), Body: []byte("{}")},
		{Ref: ref(record.KindCluster, strings.Repeat("x", 250)), Body: []byte("{}")},
		{Ref: ref("no kind", "x"), Body: []byte("{}")},
		{Ref: ref(record.KindCluster, "x"), Body: []byte("no JSON")},
		{Ref: ref(record.KindCluster, "x"), Body: []byte(`"` + strings.Repeat("x", 5000) + `"`)},
	} {
		if _, err := l.Register(t.Context(), bad); err == nil {
			t.Errorf("%.60s was registered", fmt.Sprint(bad))
		}
	}
}

func TestIDsDependOnAllParts(t *testing.T) {
	t.Parallel()
	a, b := ledger.New(nil, "vc-1"), ledger.New(nil, "vc-2")
	nodes := record.Ref{Kind: record.KindIPPool, GatewayID: clusterID("gw"), Name: "nodes"}
	if a.ID(nodes) != ledger.New(nil, "vc-1").ID(nodes) {
		t.Error("the id is not the same each time")
	}
	seen := map[uuid.UUID]string{}
	for what, id := range map[string]uuid.UUID{
		"IP pool":     a.ID(nodes),
		"its vCenter": b.ID(nodes),
		"its kind":    a.ID(record.Ref{Kind: record.KindCloudAccount, GatewayID: nodes.GatewayID, Name: nodes.Name}),
		"its gateway": a.ID(ref(record.KindIPPool, "nodes")),
		"its name":    a.ID(record.Ref{Kind: record.KindIPPool, GatewayID: nodes.GatewayID, Name: "node"}),
	} {
		if other, twice := seen[id]; twice {
			t.Errorf("%s and %s have the same id", what, other)
		}
		seen[id] = what
	}
}

func TestIDsAreUUIDv5(t *testing.T) {
	t.Parallel()
	l, _ := join(nil)
	pool := l.ID(ref(record.KindIPPool, "nodes"))
	for i := range 50 {
		id := l.ID(ref(record.KindIPPool, fmt.Sprint(i)))
		if id.Version() != 5 || id.Variant() != uuid.RFC4122 || id == pool {
			t.Errorf("%s is no UUIDv5", id)
		}
	}
}

// TestReaderSeesOldOrNewWhereverTheWriterDies kills a writer at each of its
// calls, for bodies of all sizes.
func TestReaderSeesOldOrNewWhereverTheWriterDies(t *testing.T) {
	t.Parallel()
	r := ledger.Record{Ref: ref(record.KindCluster, "prod")}
	for _, old := range bodies {
		for _, next := range []string{bodies[0], bodies[4], bodies[5]} {
			for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
				for k, died := 1, true; died; k++ {
					store := ledgertest.NewStore()
					l, _ := join(store)
					id := register(t, l, r.Kind, r.Name, old)
					writer, p := join(store)
					p.Fail(ledgertest.StopAt(k, fault))
					err := writer.UpdateRecord(t.Context(), id, []byte(next))
					if died = p.Total() >= k; err == nil {
						wantBody(t, l, r, next)
					} else {
						wantBody(t, l, r, old, next)
					}
					must(t, l.UpdateRecord(t.Context(), id, []byte(next)))
					wantBody(t, l, r, next)
					must(t, l.Unregister(t.Context(), id))
					wantTags(t, store, 0)
				}
			}
		}
	}
}

// TestReaderSeesOldOrNewWhileAWriterIsAtWork writes between any two calls of a
// reader.
func TestReaderSeesOldOrNewWhileAWriterIsAtWork(t *testing.T) {
	t.Parallel()
	r := ledger.Record{Ref: ref(record.KindCluster, "prod")}
	for k := 1; k < 12; k++ {
		store := ledgertest.NewStore()
		writer, _ := join(store)
		id := register(t, writer, r.Kind, r.Name, bodies[5])
		reader, p := join(store)
		p.Fail(func(ctx context.Context, call ledgertest.Call) ledgertest.Fault {
			if call.N == k {
				if err := writer.UpdateRecord(ctx, id, []byte(bodies[6])); err != nil {
					t.Error(err)
				}
			}
			return ledgertest.None
		})
		wantBody(t, reader, r, bodies[5], bodies[6])
	}
}

// TestWriterThatWakesLateDoesNotMixBodies stops a writer at each of its calls,
// while another writes.
func TestWriterThatWakesLateDoesNotMixBodies(t *testing.T) {
	t.Parallel()
	r := ledger.Record{Ref: ref(record.KindCluster, "prod")}
	for k := 1; k < 12; k++ {
		store := ledgertest.NewStore()
		l, _ := join(store)
		id := register(t, l, r.Kind, r.Name, bodies[4])
		late, p := join(store)
		p.Fail(func(ctx context.Context, call ledgertest.Call) ledgertest.Fault {
			if call.N == k {
				for _, body := range []string{bodies[6], bodies[5]} {
					if err := l.UpdateRecord(ctx, id, []byte(body)); err != nil {
						t.Error(err)
					}
				}
			}
			return ledgertest.None
		})
		must(t, late.UpdateRecord(t.Context(), id, []byte(bodies[6])))
		wantBody(t, l, r, bodies[5], bodies[6])
		must(t, l.Unregister(t.Context(), id))
		wantTags(t, store, 0)
	}
}

// TestRegisterLosesOneAnswer loses each call of a registration, or the answer to it:
// the record is there, and its own. One of another body is another's.
func TestRegisterLosesOneAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range bodies {
		r := ledger.Record{Ref: ref(record.KindIPPool, "nodes"), Body: []byte(body)}
		l, p := join(ledgertest.NewStore())
		_, err := l.Register(t.Context(), r)
		must(t, err)
		for k := 1; k <= p.Total(); k++ {
			for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
				l, p := join(ledgertest.NewStore())
				p.Fail(ledgertest.DropAt(k, fault))
				if _, err := l.Register(t.Context(), r); err != nil {
					t.Fatalf("call %d goes wrong (%d): %v", k, fault, err)
				}
				wantBody(t, l, r, body)
			}
		}
	}

	l, p := join(ledgertest.NewStore())
	r := ledger.Record{Ref: ref(record.KindIPPool, "nodes"), Body: []byte(`{"name":"theirs"}`)}
	_, err := l.Register(t.Context(), r)
	must(t, err)
	p.Reset()
	p.Fail(ledgertest.DropAt(1, ledgertest.Before))
	r.Body = []byte(`{"name":"ours"}`)
	if _, err := l.Register(t.Context(), r); !errors.Is(err, ledger.ErrExists) {
		t.Errorf("another's record is taken for the own one: %v", err)
	}
}

// TestUpdatesUnderALockReadTheRecordOnce counts the calls of updates: what this run has
// written is known as long as it has the lock, and of a write whose outcome is not known
// the record is read again.
func TestUpdatesUnderALockReadTheRecordOnce(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	other, _ := join(store)
	r := ledger.Record{Ref: ref(record.KindCluster, "prod"), Body: []byte(bodies[3])}
	id := l.ID(r.Ref)
	lease, err := l.Lock(t.Context(), id, "me")
	must(t, err)
	_, err = l.Register(t.Context(), r)
	must(t, err)
	gets := func(body string) int {
		t.Helper()
		p.Reset()
		err := l.UpdateRecord(t.Context(), id, []byte(body))
		n := p.Calls()[ledgertest.Get]
		if err == nil {
			wantBody(t, l, r, body)
			wantBody(t, other, r, body)
		}
		return n
	}
	for i, body := range bodies {
		if n := gets(body); n != 0 {
			t.Errorf("update %d after Register reads %d tags", i, n)
		}
	}
	p.Fail(ledgertest.DropAt(1, ledgertest.After))
	gets(bodies[0])
	p.Fail(nil)
	for want := range 2 {
		if n := gets(bodies[4]); n != 1-want {
			t.Errorf("%d tags are read after an update that may have failed, want %d", n, 1-want)
		}
	}
	must(t, lease.Release(t.Context()))
	if n := gets(bodies[1]); n != 1 {
		t.Errorf("%d tags are read without the lock, want 1", n)
	}
	_, err = l.Lock(t.Context(), id, "me again")
	must(t, err)
	if n := gets(bodies[2]); n != 1 {
		t.Errorf("the first update of another run reads %d tags, want 1", n)
	}
}
