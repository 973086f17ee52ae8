package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

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
	got, err := l.Record(t.Context(), l.ID(r.Kind, r.GatewayID, r.Name))
	must(t, err)
	if !slices.Contains(bodies, string(got.Body)) {
		t.Fatalf("the body is %s, want one of %q", got.Body, bodies)
	}
	if got.Kind != r.Kind || got.Name != r.Name || got.GatewayID != r.GatewayID {
		t.Fatalf("the record is %+v, want %+v", got, r)
	}
}

func TestRecordsOfEverySizeAreKept(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	for i, body := range bodies {
		r := ledger.Record{Kind: record.KindIPPool, Name: fmt.Sprintf("team a/%d: nodes", i), GatewayID: fmt.Sprint("gw", i%2), Body: []byte(body)}
		if i > 3 {
			r.GatewayID = ""
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
			wantTags(t, store, 2+parts) // and its place among the pools
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
		{Kind: record.KindGateway, Name: "prod", Body: []byte("{}")},
		{Kind: record.KindCluster, Name: "prod", GatewayID: "gw", Body: []byte("{}")},
		{Kind: record.KindCluster, Name: "prod-2", Body: []byte("{}")},
	} {
		if _, err := l.Register(t.Context(), other); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []ledger.Record{
		{Kind: record.KindCluster, Body: []byte("{}")},
		{Kind: record.KindCluster, Name: " x", Body: []byte("{}")},
		{Kind: record.KindCluster, Name: "x\ny", Body: []byte("{}")},
		{Kind: record.KindCluster, Name: strings.Repeat("x", 250), Body: []byte("{}")},
		{Kind: record.KindCluster, Name: "x", GatewayID: "a/b", Body: []byte("{}")},
		{Kind: record.KindCluster, Name: "x", Body: []byte("no JSON")},
		{Kind: record.KindCluster, Name: "x", Body: []byte(`"` + strings.Repeat("x", 5000) + `"`)},
	} {
		if _, err := l.Register(t.Context(), bad); err == nil {
			t.Errorf("%.60s was registered", fmt.Sprint(bad))
		}
	}
}

func TestIDsDependOnAllParts(t *testing.T) {
	t.Parallel()
	a, b := ledger.New(nil, "vc-1"), ledger.New(nil, "vc-2")
	if a.ID(record.KindIPPool, "gw", "nodes") != ledger.New(nil, "vc-1").ID(record.KindIPPool, "gw", "nodes") {
		t.Error("the id is not the same each time")
	}
	seen := map[string]string{}
	for what, id := range map[string]string{
		"pool":           a.ID(record.KindIPPool, "gw", "nodes").String(),
		"its vCenter":    b.ID(record.KindIPPool, "gw", "nodes").String(),
		"its kind":       a.ID(record.KindCloudAccount, "gw", "nodes").String(),
		"its gateway":    a.ID(ref(record.KindIPPool, "nodes")).String(),
		"its name":       a.ID(record.KindIPPool, "gw", "node").String(),
		"where it parts": a.ID(record.KindIPPool, "g", "wnodes").String(),
	} {
		if other, twice := seen[id]; twice {
			t.Errorf("%s and %s have the same id", what, other)
		}
		seen[id] = what
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

func TestChildrenAreASet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		store := ledgertest.NewStore()
		l, _ := join(store)
		parent, other := register(t, l, record.KindGateway, "dc1", "{}"), register(t, l, record.KindCloudAccount, "team", "{}")
		must(t, l.AddChild(t.Context(), other, "cluster-0"))
		model := map[string]bool{}
		names := make([]string, 40)
		for i := range names {
			names[i] = fmt.Sprint("cluster-", i)
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "child")
			if rapid.IntRange(0, 2).Draw(rt, "remove") == 0 {
				must(t, l.RemoveChild(t.Context(), parent, name))
				delete(model, name)
			} else {
				must(t, l.AddChild(t.Context(), parent, name))
				model[name] = true
			}
		}
		var want []string
		for name := range model {
			want = append(want, name)
		}
		slices.Sort(want)
		got, err := l.Children(t.Context(), parent)
		must(t, err)
		if !slices.Equal(got, want) {
			rt.Fatalf("the children are %v, want %v", got, want)
		}
		err = l.Unregister(t.Context(), parent)
		var used *ledger.InUseError
		if len(want) > 0 && (!errors.As(err, &used) || !errors.Is(err, ledger.ErrInUse) || !slices.Equal(used.Children, want)) {
			rt.Fatalf("Unregister of a record with children: %v, want an *InUseError", err)
		}
		for _, name := range want {
			must(t, l.RemoveChild(t.Context(), parent, name))
		}
		must(t, l.RemoveChild(t.Context(), other, "cluster-0"))
		must(t, l.Unregister(t.Context(), parent))
		must(t, l.Unregister(t.Context(), other))
		if tags := store.Tags(); len(tags) > 0 {
			rt.Fatalf("tags are left: %v", tags)
		}
	})
}

func TestChildrenAreAddedByManyAtOnce(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	first, _ := join(store)
	parent := first.ID(ref(record.KindGateway, "dc1"))
	var wg sync.WaitGroup
	for i := range 256 {
		wg.Go(func() {
			l, _ := join(store)
			if err := l.AddChild(t.Context(), parent, fmt.Sprint("cluster-", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if children, err := first.Children(t.Context(), parent); err != nil || len(children) != 256 {
		t.Errorf("%d children (%v), want 256", len(children), err)
	}
	must(t, first.AddChild(t.Context(), parent, "cluster-7"))
	if err := first.AddChild(t.Context(), parent, "one more"); err == nil {
		t.Error("the 257th child was added")
	}
}
