package ledger_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// A run that waits says for whom, once, and in the end how it got the lock.
func TestWaitingSaysForWhom(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		a, p := join(store)
		b, _ := join(store)
		var reported []string
		b.Waiting = func(_ context.Context, holder *ledger.LockedError, patience time.Duration) {
			reported = append(reported, holder.Holder+" "+patience.String())
		}
		id := a.ID(ref(record.KindCluster, "prod"))
		first := lock(t, a, id, "laptop:42")
		if first.Waited() != nil {
			t.Errorf("the first one has waited for %s", first.Waited())
		}
		p.Fail(dead)
		second := lock(t, b, id, "ci:7")
		waited := second.Waited()
		if waited == nil || !waited.Died || waited.For < time.Minute-time.Second || len(reported) != 1 || reported[0] != "laptop:42 1m0s" {
			t.Fatalf("waited %v, reported %v", waited, reported)
		}
		if text := waited.String(); !strings.Contains(text, "laptop:42 since ") || !strings.Contains(text, "was taken over") {
			t.Errorf("it says %s", text)
		}

		c, _ := join(store)
		go func() {
			time.Sleep(20 * time.Second)
			_ = second.Release(t.Context())
		}()
		third := lock(t, c, id, "ci:8")
		if waited := third.Waited(); waited == nil || waited.Died || !strings.Contains(waited.String(), "ci:7") {
			t.Errorf("waited %v", waited)
		}
		must(t, third.Release(t.Context()))
		_ = first.Release(t.Context())
	})
}
