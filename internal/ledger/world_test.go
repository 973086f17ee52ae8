package ledger_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// join is a new process at a store, with a ledger of its own.
func join(store ledger.Store) (*ledger.Ledger, *ledgertest.Process) {
	p := ledgertest.NewProcess(store)
	return ledger.New(p, "vcenter-1"), p
}

// ref refers to a record of the system gateway.
func ref(kind record.Kind, name string) record.Ref { return record.Ref{Kind: kind, Name: name} }

// clusterID is the id of a cluster of this name.
func clusterID(name string) uuid.UUID { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(name)) }

// nodes is an IP pool of 10.0.0.1 to 10.0.0.<last>.
func nodes(t *testing.T, last string) ledger.IPPool {
	t.Helper()
	addresses, err := ipam.New("10.0.0.1", "10.0.0."+last, 24, "")
	if err != nil {
		t.Fatal(err)
	}
	l, _ := join(nil)
	return ledger.IPPool{ID: l.ID(ref(record.KindIPPool, "nodes")), Name: "nodes", Pool: addresses}
}

func snapshot(t *testing.T, l *ledger.Ledger) *ledger.Snapshot {
	t.Helper()
	snap, err := l.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func register(t *testing.T, l *ledger.Ledger, kind record.Kind, name, body string) uuid.UUID {
	t.Helper()
	id, err := l.Register(t.Context(), ledger.Record{Ref: ref(kind, name), Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantCalls compares the calls that were made; those not named must not be.
func wantCalls(t *testing.T, p *ledgertest.Process, want map[string]int) {
	t.Helper()
	got := p.Calls()
	for method := range got {
		if got[method] != want[method] {
			t.Errorf("%d calls of %s, want %d (all: %v)", got[method], method, want[method], got)
		}
	}
	for method, n := range want {
		if got[method] != n {
			t.Errorf("%d calls of %s, want %d", got[method], method, n)
		}
	}
	p.Reset()
}

func wantTags(t *testing.T, store *ledgertest.Store, n int) {
	t.Helper()
	if tags := store.Tags(); len(tags) != n {
		t.Errorf("%d tags are left, want %d: %v", len(tags), n, tags)
	}
}

// dead ends every call of a process.
func dead(context.Context, ledgertest.Call) ledgertest.Fault { return ledgertest.Before }

// at is for Fail: something happens before the k-th call, once.
func at(k int, do func()) func(context.Context, ledgertest.Call) ledgertest.Fault {
	return func(_ context.Context, call ledgertest.Call) ledgertest.Fault {
		if call.N == k {
			do()
		}
		return ledgertest.None
	}
}
