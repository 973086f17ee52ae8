package connection

import (
	"context"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
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

	sessions vsphere.Pool
	seen     ids
	planned  ids
	leaving  ids
	pools    plannedPools
}

// Main is the process that main serves.
var Main = &Process{}

// LogoutAll ends every session of the main process. A session that cannot
// be ended is left to its idle timeout: the process ends, and can report nothing.
func LogoutAll(ctx context.Context) { _ = Main.LogoutAll(ctx) }

// LogoutAll ends every session of the process with vCenter.
func (p *Process) LogoutAll(ctx context.Context) error { return p.sessions.LogoutAll(ctx) }
