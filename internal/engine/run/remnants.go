package run

import (
	"slices"
	"sync"
)

// remnants are what a destruction that is forced leaves beside VMs, in words.
type remnants struct {
	mu   sync.Mutex
	list []string
}

func (r *remnants) add(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, what)
}

// Remnants are what a destruction that was forced has left beside VMs: folders and
// snapshots that could not be deleted, with the reason.
func (r *Runner) Remnants() []string {
	r.remnants.mu.Lock()
	defer r.remnants.mu.Unlock()
	return slices.Clone(r.remnants.list)
}
