package connection

import (
	"context"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// Process is what outlives one configuration of the provider: the sessions
// with vCenter, and what this run of the provider has read from a state.
// Terraform configures a provider more than once in a process, and a vCenter
// has few sessions to give. The zero value is ready to use.
type Process struct {
	// Timing is how long the engine waits; nil for what a real vCenter is met
	// with. It is set before the process serves.
	Timing *engine.Timing

	sessions vsphere.Pool
	seen     sync.Map // id: struct{}
	planned  sync.Map // id: struct{}
	leaving  sync.Map // id: struct{}
	pools    plannedPools
}

// Main is the process that main serves.
var Main = &Process{}

// LogoutAll ends every session of the main process. A session that can't be
// ended is left to its idle timeout: there is nobody to tell any more.
func LogoutAll(ctx context.Context) { _ = Main.LogoutAll(ctx) }

// LogoutAll ends every session of the process with vCenter.
func (p *Process) LogoutAll(ctx context.Context) error { return p.sessions.LogoutAll(ctx) }
