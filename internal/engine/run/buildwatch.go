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

// buildWatch follows the VM in which an image is built.
type buildWatch struct {
	vm     string
	timing model.Timing
	last   BuildError
	began  time.Time
	seen   bool
	off    time.Time // since when it is powered off, if it is
	built  time.Time // since when its guest says that the image is built

	leases   bool      // it takes a lease
	booting  time.Time // since when it waits for that
	cleaning time.Time // since when it is being cleaned
}

func newBuildWatch(vm, image string, leases bool, timing model.Timing) *buildWatch {
	return &buildWatch{vm: vm, timing: timing, leases: leases, began: time.Now(), last: BuildError{Image: image}}
}

// await waits until the guest has built the image and is off. It begins with what was seen when
// the VM was powered on. What the guest has said last is in the error, also where the run ends
// before the scripts do.
func (w *buildWatch) await(ctx context.Context, watch *watcher, seen *model.PollResult) error {
	bounded, cancel := context.WithTimeout(ctx, w.timing.BuildLimit)
	defer cancel()
	done, err := w.check(seen)
	if !done && err == nil {
		said := ""
		err = watch.meanwhile(bounded, model.PollRequest{VMs: []string{w.vm}}, func(res *model.PollResult) (bool, error) {
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
		w.last.Why = fmt.Sprintf("had not ended when the run did, after %s; timeouts have to leave the scripts their time",
			time.Since(w.began).Round(time.Second))
		return fmt.Errorf("%w: %w", context.Cause(ctx), &w.last)
	case bounded.Err() != nil:
		w.last.Why = fmt.Sprintf("has not ended within %s", w.timing.BuildLimit)
		return &w.last
	default:
		return err
	}
}

// check reports whether the image is built and the VM off, or has had the time for that. What the
// guest has reported outlives its power. One that has reported that the image is built and is not
// off after that may have booted again, as after a host's failure: then it has an identity, which
// all clones would have.
func (w *buildWatch) check(res *model.PollResult) (bool, error) {
	state, ok := res.VMs[w.vm]
	if state.Phase == bootstrap.PhaseCloned {
		state.Phase = ""
	}
	if ok && (state.PoweredOn || !w.seen) {
		w.last.State = state
		w.seen = true
	}
	since(&w.off, ok && !state.PoweredOn)
	since(&w.booting, w.leases && w.last.State.Phase == bootstrap.PhaseBooting)
	since(&w.cleaning, w.last.State.Phase == bootstrap.PhaseCleaning)
	if ok && state.Phase == bootstrap.PhaseBuilt && w.built.IsZero() {
		w.built = time.Now()
	}
	switch {
	case res.Gone[w.vm]:
		w.last.Why = "was deleted meanwhile"
	case !w.built.IsZero() && !w.off.IsZero():
		return true, nil
	case !w.built.IsZero() && ok && state.Phase != bootstrap.PhaseBuilt:
		w.last.Why = "has booted again after it had been cleaned"
	case !w.built.IsZero() && time.Since(w.built) > w.timing.OffLimit:
		w.last.Why = fmt.Sprintf("has been cleaned, and did not power off within %s or was started again", w.timing.OffLimit)
	case ok && state.Phase == model.PhaseFailed:
		w.last.Why = "has failed"
	case !w.off.IsZero() && time.Since(w.off) > w.timing.OffLimit:
		// After a host's failure high availability takes a moment to start it again.
		w.last.State.PoweredOn = w.last.State.Silenced // then that is why it has not
		w.last.Why = "was powered off before it had reported that the image is built, and stays off"
	default:
		return false, w.late()
	}
	return false, &w.last
}

// late is the error where the guest does not come further in its time. A host's failure has it boot
// again, whenever that is.
func (w *buildWatch) late() error {
	limit := w.timing.BootTimeout
	over := func(began time.Time) bool { return !began.IsZero() && time.Since(began) > limit }
	switch {
	case w.last.State.Phase == "" && over(w.began):
		w.last.Why = fmt.Sprintf("has reported nothing within %s", limit)
	case over(w.booting):
		w.last.Why = fmt.Sprintf("has waited in vain for a lease for %s", limit)
	case over(w.cleaning):
		w.last.Why = fmt.Sprintf("has not been cleaned within %s, or was interrupted at that; apply again", limit)
	default:
		return nil
	}
	return &w.last
}
