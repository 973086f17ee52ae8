package connection_test

import (
	"context"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// TestAccLedgers shows that configurations with the same login share a ledger, and
// that each has its own bound of claims.
func TestAccLedgers(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	p := &connection.Process{}
	t.Cleanup(func() { _ = p.LogoutAll(context.Background()) })
	open := func(maxClaims int) *ledger.Ledger {
		settings := e.Settings()
		settings.MaxClaims = maxClaims
		l, err := p.New(settings).Ledger(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return l
	}

	standard, few := open(0), open(5)
	if standard.MaxClaims != ledger.DefaultMaxClaims || few.MaxClaims != 5 {
		t.Errorf("the bounds are %d and %d", standard.MaxClaims, few.MaxClaims)
	}
	if open(0) != standard || open(ledger.DefaultMaxClaims) != standard || open(5) != few {
		t.Error("configurations with one bound have several ledgers")
	}
}
