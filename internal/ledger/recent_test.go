package ledger_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// TestRecentReadsOnce has many readers ask for the same list and the same record:
// it is read once for all of them, and again after a change through the ledger.
func TestRecentReadsOnce(t *testing.T) {
	t.Parallel()
	l, p := join(ledgertest.NewStore())
	id := register(t, l, record.KindCloudAccount, "nodes", `{"server":"vcenter"}`)
	pool := nodes(t, "30")
	read := func() int {
		t.Helper()
		p.Reset()
		var claims atomic.Int64
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				reader := l.Recent(time.Minute)
				snap, err := reader.Snapshot(t.Context())
				must(t, err)
				rec, err := reader.Record(t.Context(), id)
				must(t, err)
				if rec.Name != "nodes" {
					t.Errorf("read %q", rec.Name)
				}
				claims.Store(int64(snap.Count(pool)))
			})
		}
		group.Wait()
		return int(claims.Load())
	}

	read()
	wantCalls(t, p, map[string]int{ledgertest.List: 1, ledgertest.Get: 1})
	read()
	wantCalls(t, p, map[string]int{})

	_, err := l.Claim(t.Context(), pool, ledger.Owner{Cluster: clusterID("a"), Node: "a-cp-1"}, snapshot(t, l))
	must(t, err)
	if n := read(); n != 1 {
		t.Errorf("the claim is not seen: %d", n)
	}
	wantCalls(t, p, map[string]int{ledgertest.List: 1})
	must(t, l.UpdateRecord(t.Context(), id, []byte(`{"server":"other"}`)))
	read()
	wantCalls(t, p, map[string]int{ledgertest.Get: 1})
}
