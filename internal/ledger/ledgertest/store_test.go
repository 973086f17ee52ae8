package ledgertest_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	ledgertest.Run(t, func(*testing.T) ledger.Store { return ledgertest.NewStore() })
}

func TestClaims(t *testing.T) {
	t.Parallel()
	ledgertest.RunClaims(t, 400, func(*testing.T) ledger.Store { return ledgertest.NewStore() })
}
