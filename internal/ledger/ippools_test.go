package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

const poolBody = `{"name":"nodes","start":"10.0.0.1","end":"10.0.0.9","prefix_length":24,"network":"dvpg-nodes","reuse_delay_seconds":0}`

func poolNames(t *testing.T, l *ledger.Ledger) []string {
	t.Helper()
	pools, err := l.IPPools(t.Context())
	must(t, err)
	var names []string
	for _, p := range pools {
		if p.ID != l.ID(p.Ref) || p.Ref.Kind != record.KindIPPool {
			t.Errorf("pool %s has the id %s", p.Ref.Name, p.ID)
		}
		names = append(names, p.Ref.Name)
	}
	return names
}

func TestAllIPPoolsAreListed(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	var want []string
	for i := range 40 {
		name := fmt.Sprintf("nodes-%02d", i)
		register(t, l, record.KindIPPool, name, poolBody)
		want = append(want, name)
	}
	register(t, l, record.KindCloudAccount, "team-a", "{}")
	p.Reset()
	if got := poolNames(t, l); !slices.Equal(got, want) {
		t.Errorf("the pools are %v", got)
	}
	wantCalls(t, p, map[string]int{ledgertest.List: 1, ledgertest.Get: 80})
	pools, err := l.IPPools(t.Context())
	must(t, err)
	if body := pools[0].Body; body.Network != "dvpg-nodes" || body.ReuseDelay() != 0 || body.Start != "10.0.0.1" {
		t.Errorf("the body is %+v", body)
	}
	if other := ledger.New(store, "vcenter-2"); len(poolNames(t, other)) != 0 {
		t.Error("another vCenter's pools are listed")
	}

	must(t, l.Unregister(t.Context(), l.ID(ref(record.KindIPPool, want[7]))))
	must(t, store.Delete(t.Context(), l.ID(ref(record.KindIPPool, want[8])))) // by hand
	want = slices.Delete(want, 7, 9)
	if got := poolNames(t, l); !slices.Equal(got, want) {
		t.Errorf("the pools are %v", got)
	}
}

func TestEditedIndexEntryIsWrittenAgain(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	id := register(t, l, record.KindIPPool, "nodes", poolBody)
	entries, err := l.Entries(t.Context())
	must(t, err)
	for _, e := range entries {
		if e.Kind == ledger.EntryIndex {
			must(t, store.Update(t.Context(), e.ID, "by hand"))
		}
	}
	if got := poolNames(t, l); len(got) != 0 {
		t.Errorf("the pools are %v", got)
	}
	must(t, l.UpdateRecord(t.Context(), id, []byte(poolBody)))
	if got := poolNames(t, l); !slices.Equal(got, []string{"nodes"}) {
		t.Errorf("after an update the pools are %v", got)
	}
}

// belongings are a gateway's.
func belongings(gateway uuid.UUID) []ledger.Record {
	var all []ledger.Record
	for kind, body := range map[record.Kind]string{record.KindIPPool: poolBody, record.KindCloudAccount: "{}", record.KindCluster: bodies[5]} {
		all = append(all, ledger.Record{Ref: record.Ref{Kind: kind, Name: "prod", GatewayID: gateway}, Body: []byte(body)})
	}
	return all
}

func TestWhatBelongsToAGatewayIsItsChild(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	gateway := register(t, l, record.KindGateway, "dc1", "{}")
	var ids []uuid.UUID
	for _, r := range belongings(gateway) {
		id, err := l.Register(t.Context(), r)
		must(t, err)
		ids = append(ids, id)
	}
	children, err := l.Children(t.Context(), gateway)
	must(t, err)
	want := []record.Ref{
		{Kind: record.KindCloudAccount, GatewayID: gateway, Name: "prod"},
		{Kind: record.KindCluster, GatewayID: gateway, Name: "prod"},
		{Kind: record.KindIPPool, GatewayID: gateway, Name: "prod"},
	}
	if !slices.Equal(children, want) {
		t.Errorf("the children are %v, want %v", children, want)
	}
	if err := l.Unregister(t.Context(), gateway); !errors.Is(err, ledger.ErrInUse) {
		t.Errorf("Unregister of a gateway in use: %v, want ErrInUse", err)
	}
	for _, id := range ids {
		must(t, l.Unregister(t.Context(), id))
	}
	must(t, l.Unregister(t.Context(), gateway))
	wantTags(t, store, 0)
}

// TestRegisteringConvergesWhereverItDies kills Register and Unregister at each
// of their calls. What a killed run noted and never registered does no harm.
func TestRegisteringConvergesWhereverItDies(t *testing.T) {
	t.Parallel()
	l, _ := join(nil)
	for _, r := range belongings(l.ID(ref(record.KindGateway, "dc1"))) {
		for _, verb := range []string{"register", "unregister"} {
			for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
				calls := 0
				for k, died := 1, true; died; k++ {
					store := ledgertest.NewStore()
					l, _ := join(store)
					gateway := register(t, l, record.KindGateway, "dc1", "{}")
					id := l.ID(r.Ref)
					victim, p := join(store)
					if verb == "unregister" {
						_, err := l.Register(t.Context(), r)
						must(t, err)
					}
					p.Fail(ledgertest.StopAt(k, fault))
					var err error
					if verb == "register" {
						_, err = victim.Register(t.Context(), r)
					} else {
						err = victim.Unregister(t.Context(), id)
					}
					if died = p.Total() >= k; died {
						calls++
					}
					if err != nil && !errors.Is(err, ledgertest.ErrDropped) {
						t.Fatal(err)
					}
					consistent(t, l, gateway, id)
					if verb == "register" {
						if _, err := l.Register(t.Context(), r); err != nil && !errors.Is(err, ledger.ErrExists) {
							t.Fatal(err)
						}
						if !consistent(t, l, gateway, id) {
							t.Fatalf("call %d: the record is not there", k)
						}
						wantBody(t, l, r, string(r.Body))
					}
					_, rerr := l.Record(t.Context(), id)
					must(t, l.Unregister(t.Context(), id))
					if consistent(t, l, gateway, id) {
						t.Fatalf("call %d: the record is still there", k)
					}
					must(t, l.Unregister(t.Context(), gateway))
					// Chunks, of a record that was gone before, take a second Unregister.
					if tags := store.Tags(); len(tags) > 0 && !(errors.Is(rerr, ledger.ErrNotFound) && r.Kind == record.KindCluster) {
						t.Fatalf("%s call %d: tags are left: %v", verb, k, tags)
					}
				}
				if calls < 2 {
					t.Errorf("only %d calls were interrupted", calls)
				}
			}
		}
	}
}

// consistent reports whether the record is there, and makes sure that gateway
// and pools say the same.
func consistent(t *testing.T, l *ledger.Ledger, gateway, id uuid.UUID) bool {
	t.Helper()
	r, err := l.Record(t.Context(), id)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		t.Fatal(err)
	}
	there := err == nil
	children, err := l.Children(t.Context(), gateway)
	must(t, err)
	if (len(children) == 1) != there {
		t.Fatalf("the record is there: %t; the gateway's children are %v", there, children)
	}
	if pools := poolNames(t, l); (len(pools) == 1) != (there && r.Kind == record.KindIPPool) {
		t.Fatalf("the record is there: %t; the pools are %v", there, pools)
	}
	return there
}
