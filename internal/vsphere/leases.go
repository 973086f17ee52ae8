package vsphere

import (
	"net/netip"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// The extra configuration by which guests that take leases report, and in which a load
// balancer gets its backends.
const (
	addressKey  = "guestinfo.gantry.address"
	leaseKey    = "guestinfo.gantry.lease"
	backendsKey = "guestinfo.gantry.backends"
	appliedKey  = "guestinfo.gantry.backends.applied"
)

// guestKeys are all in which a guest reports, and those in which it is told something beside
// its bootstrap data.
var guestKeys = []string{phaseKey, logKey, addressKey, leaseKey, backendsKey, appliedKey}

// maxBackends is longer than the list of any control plane.
const maxBackends = 512

// leasedPhases are the phases in which a guest has reported its lease. Each boot begins with
// another phase: what was left from before it does not count. One that resumes bootstraps with
// the lease that it had.
var leasedPhases = map[string]bool{
	model.PhaseKubeadm: true, model.PhasePost: true, model.PhasePostFailed: true, model.PhaseJoined: true,
	model.PhaseInitFailed: true, model.PhaseResuming: true, model.PhaseWaiting: true, model.PhaseServing: true,
}

// reportedLease is an address that a guest has reported since its last boot; not valid where
// it has not, or where it is none.
func reportedLease(p properties, on bool, key string) netip.Addr {
	if !on || !leasedPhases[p.option(phaseKey)] {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(p.option(key))
	if err != nil || !addr.Is4() || !addr.IsGlobalUnicast() {
		return netip.Addr{}
	}
	return addr
}
