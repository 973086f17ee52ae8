package run

import (
	"slices"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// warnings are what a user should know of a run although it goes on.
type warnings struct {
	mu   sync.Mutex
	list []model.Finding
}

func (w *warnings) add(f model.Finding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, f)
}

// Warnings are what a user should know although the run went on.
func (r *Runner) Warnings() []model.Finding {
	r.warnings.mu.Lock()
	defer r.warnings.mu.Unlock()
	return slices.Clone(r.warnings.list)
}
