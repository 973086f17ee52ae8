package connection

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// Process is what outlives one configuration of the provider: the sessions with
// vCenter, and what this run of the provider has read from states and planned.
// Terraform configures a provider more than once in a process, and the sessions of
// a vCenter are few. The zero value is ready to use.
type Process struct {
	// Timing is how long the engine waits; nil is for a real vCenter. It is set
	// before the process serves.
	Timing *model.Timing
	// Charts are found and installed by it; nil is for Helm. It is set before the process
	// serves.
	Charts model.Charts
	// Identity is the file with the id of the gateway on whose agent the process runs; empty
	// is where an agent has it. It is set before the process serves.
	Identity string

	sessions vsphere.Sessions
	ledgers  ledgers
	began    atomic.Int64 // when it was first configured, in milliseconds of Unix time
	planning atomic.Bool
	applying atomic.Bool
	seen     ids
	planned  ids
	leaving  ids
	deleted  ids
	ipPools  ipPools
	gateways gateways
	zones    zones
	events   eventLogs
}

// ledgers are one ledger for each client and bound of claims, so that the resources
// of a run share what they read.
type ledgers struct {
	mu   sync.Mutex
	open map[ledgerKey]*ledger.Ledger
}

type ledgerKey struct {
	client    *vsphere.Client
	maxClaims int
}

// ledger returns the ledger of the client's vCenter, which has the instance UUID. A
// bound of 0 is the ledger's default.
func (p *Process) ledger(client *vsphere.Client, vcenter string, maxClaims int) *ledger.Ledger {
	if maxClaims == 0 {
		maxClaims = ledger.DefaultMaxClaims
	}
	p.ledgers.mu.Lock()
	defer p.ledgers.mu.Unlock()
	if p.ledgers.open == nil {
		p.ledgers.open = map[ledgerKey]*ledger.Ledger{}
	}
	key := ledgerKey{client, maxClaims}
	if p.ledgers.open[key] == nil {
		l := ledger.New(vsphere.NewTagStore(client), vcenter)
		l.MaxClaims = maxClaims
		l.Waiting = logWaiting
		p.ledgers.open[key] = l
	}
	return p.ledgers.open[key]
}

// logWaiting logs for whom a run waits, while it does: Terraform shows only that it has
// not ended yet.
func logWaiting(ctx context.Context, holder *ledger.LockedError, patience time.Duration) {
	tflog.Warn(ctx, "waiting for another run, whose lock is taken over once its last heartbeat is too old", map[string]any{
		"record": holder.Record, "holder": holder.Holder, "since": holder.Since, "last_heartbeat": holder.Heartbeat,
		"taken_over_after": patience.String(),
	})
}

// Main is the process that main serves.
var Main = &Process{}

// LogoutAll ends every session of the main process. A session that cannot
// be ended is left to its idle timeout: the process ends, and can report nothing.
func LogoutAll(ctx context.Context) { _ = Main.LogoutAll(ctx) }

// LogoutAll ends every session of the process with vCenter.
func (p *Process) LogoutAll(ctx context.Context) error { return p.sessions.LogoutAll(ctx) }
