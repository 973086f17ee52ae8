package connection

import (
	"context"
	"sync"

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

	sessions vsphere.Sessions
	ledgers  ledgers
	seen     ids
	planned  ids
	leaving  ids
	pools    plannedPools
}

// ledgers are one ledger for each client, so that the resources of a run share what
// they read.
type ledgers struct {
	mu     sync.Mutex
	byUser map[*vsphere.Client]*ledger.Ledger
}

func (p *Process) ledger(client *vsphere.Client, open func() *ledger.Ledger) *ledger.Ledger {
	p.ledgers.mu.Lock()
	defer p.ledgers.mu.Unlock()
	if p.ledgers.byUser == nil {
		p.ledgers.byUser = map[*vsphere.Client]*ledger.Ledger{}
	}
	if p.ledgers.byUser[client] == nil {
		p.ledgers.byUser[client] = open()
	}
	return p.ledgers.byUser[client]
}

// Main is the process that main serves.
var Main = &Process{}

// LogoutAll ends every session of the main process. A session that cannot
// be ended is left to its idle timeout: the process ends, and can report nothing.
func LogoutAll(ctx context.Context) { _ = Main.LogoutAll(ctx) }

// LogoutAll ends every session of the process with vCenter.
func (p *Process) LogoutAll(ctx context.Context) error { return p.sessions.LogoutAll(ctx) }
