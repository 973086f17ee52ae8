package run

import (
	"context"
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// BuildError is an image that was not built, with what is known of its VM's guest.
type BuildError struct {
	Image string
	Why   string
	State model.VMState
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("the VM in which the image %s is built %s. %s", e.Image, e.Why, Diagnosis(e.State, false))
}

// await waits until the guest has built the image and is off.
func (b *builder) await(ctx context.Context, seen *model.PollResult) error {
	bounded, cancel := context.WithTimeout(ctx, b.Timing.BuildLimit)
	defer cancel()
	w := buildWatch{vm: b.vm, timing: b.Timing, began: time.Now(), last: BuildError{Image: b.asked.Template}}
	done, err := w.check(seen)
	if !done && err == nil {
		said := ""
		err = b.changes.watch.meanwhile(bounded, model.PollRequest{VMs: []string{b.vm}}, func(res *model.PollResult) (bool, error) {
			done, err := w.check(res)
			if phase := w.last.State.Phase; phase != said && phase != "" {
				said = phase
				noteGuest(ctx, phase)
			}
			return done, err
		})
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case bounded.Err() != nil:
		w.last.Why = fmt.Sprintf("has not ended within %s", b.Timing.BuildLimit)
		return &w.last
	default:
		return err
	}
}

// buildWatch follows the VM in which an image is built.
type buildWatch struct {
	vm     string
	timing model.Timing
	last   BuildError
	began  time.Time
	seen   bool
	off    time.Time // since when it is powered off, if it is
	built  time.Time // since when its guest says that the image is built
}

// check reports whether the image is built and the VM off, or has had the time for that. What the
// guest reports ends with its power: that it has built the image is remembered.
func (w *buildWatch) check(res *model.PollResult) (bool, error) {
	state, ok := res.VMs[w.vm]
	if ok && (state.PoweredOn || !w.seen) {
		w.last.State = state
		w.seen = true
	}
	since(&w.off, ok && !state.PoweredOn)
	if ok && state.Phase == bootstrap.PhaseBuilt && w.built.IsZero() {
		w.built = time.Now()
	}
	switch {
	case res.Gone[w.vm]:
		w.last.Why = "was deleted meanwhile"
		return false, &w.last
	case !w.built.IsZero():
		return !w.off.IsZero() || time.Since(w.built) > w.timing.OffLimit, nil
	case ok && state.Phase == model.PhaseFailed:
		w.last.Why = "has failed"
		return false, &w.last
	case !w.off.IsZero() && time.Since(w.off) > w.timing.OffLimit:
		// After a host's failure high availability takes a moment to start it again.
		w.last.State.PoweredOn = w.last.State.Silenced // then that is why it has not
		w.last.Why = "was powered off before it had reported that the image is built, and stays off"
		return false, &w.last
	case w.last.State.Phase == "" && time.Since(w.began) > w.timing.BootTimeout:
		w.last.Why = fmt.Sprintf("has reported nothing within %s", w.timing.BootTimeout)
		return false, &w.last
	default:
		return false, nil
	}
}
