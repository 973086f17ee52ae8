package run

import (
	"context"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// pause waits before a stage that asks for it. The lock is held meanwhile, and what ends
// the run ends the pause.
func (r *Runner) pause(ctx context.Context, stage model.Stage) error {
	if stage.Pause <= 0 || len(stage.Steps) == 0 {
		return nil
	}
	until := r.Now().Add(stage.Pause)
	r.Progress.Note(ctx, stage.Steps[0].Change(), "pausing until "+until.UTC().Format(time.RFC3339))
	Waiting(ctx, "the end of node_pause, "+until.UTC().Format(time.RFC3339))
	return sleep(ctx, stage.Pause)
}
