package run

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// watcher waits for everything that is under way together: one batched read a tick
// serves every task and every booting node.
type watcher struct {
	vc     model.VCenter
	timing model.Timing

	mu      sync.Mutex
	waits   map[*wait]struct{}
	running bool
	fresh   chan struct{} // wakes the loop when a wait is added
}

// wait is one thing that a step waits for. check is called after each read until it
// returns true or an error.
type wait struct {
	req model.PollRequest
	// patient waits are looked at along with others, and alone at the longest pause.
	patient bool
	check   func(*model.PollResult) (bool, error)
	ended   chan error
}

func newWatcher(vc model.VCenter, timing model.Timing) *watcher {
	return &watcher{vc: vc, timing: timing, waits: map[*wait]struct{}{}, fresh: make(chan struct{}, 1)}
}

// until returns when check returns true or an error, or ctx ends.
func (w *watcher) until(ctx context.Context, req model.PollRequest, check func(*model.PollResult) (bool, error)) error {
	return w.wait(ctx, &wait{req: req, check: check, ended: make(chan error, 1)})
}

// meanwhile is until for what something else than vCenter will end: it causes few reads
// of its own.
func (w *watcher) meanwhile(ctx context.Context, req model.PollRequest, check func(*model.PollResult) (bool, error)) error {
	return w.wait(ctx, &wait{req: req, patient: true, check: check, ended: make(chan error, 1)})
}

func (w *watcher) wait(ctx context.Context, it *wait) error {
	w.mu.Lock()
	w.waits[it] = struct{}{}
	if !w.running {
		w.running = true
		// The loop serves many callers; it ends when the last of them has left.
		go w.loop(context.WithoutCancel(ctx))
	}
	w.mu.Unlock()
	if !it.patient {
		select {
		case w.fresh <- struct{}{}:
		default:
		}
	}
	select {
	case err := <-it.ended:
		return err
	case <-ctx.Done():
		w.mu.Lock()
		delete(w.waits, it)
		w.mu.Unlock()
		return context.Cause(ctx)
	}
}

func (w *watcher) loop(ctx context.Context) {
	least := w.timing.Tick
	tick := least
	if w.patient() {
		tick = w.timing.MaxTick
	}
	var failing time.Time
	for {
		select {
		case <-time.After(tick):
		case <-w.fresh:
			// Something new is under way: read soon again, but let those that
			// start together be read together.
			tick = least
			time.Sleep(tick)
		}
		waits, req := w.gather()
		if len(waits) == 0 {
			return
		}
		began := time.Now()
		res, err := w.poll(ctx, req)
		least = w.pause(time.Since(began))
		switch {
		case err == nil:
			failing = time.Time{}
			if w.deliver(waits, res) && !w.patient() {
				tick = max(least, tick/2)
				continue
			}
		case !model.Transient(err):
			w.fail(waits, err)
		case failing.IsZero():
			failing = time.Now()
		case time.Since(failing) > w.timing.RetryBudget:
			w.fail(waits, fmt.Errorf("vCenter did not answer for %s: %w", w.timing.RetryBudget, err))
		}
		// What has taken long is seen at most a quarter later than it ends.
		tick = min(w.timing.MaxTick, max(least, tick*5/4))
		if w.patient() {
			tick = w.timing.MaxTick
		}
	}
}

// watchFactor is how many times as long as a read of what is under way took the watcher
// pauses at least: a vCenter that is slow to answer is asked less often.
const watchFactor = 5

// pause is the shortest time until the next read after one that took so long.
func (w *watcher) pause(took time.Duration) time.Duration {
	return max(w.timing.Tick, min(w.timing.MaxTick, watchFactor*took))
}

// patient reports whether only patient waits are left.
func (w *watcher) patient() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for it := range w.waits {
		if !it.patient {
			return false
		}
	}
	return true
}

// gather collects what to read. With no wait left it ends the loop, under the lock,
// so that a new wait starts another.
func (w *watcher) gather() ([]*wait, model.PollRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var req model.PollRequest
	waits := make([]*wait, 0, len(w.waits))
	for it := range w.waits {
		waits = append(waits, it)
		req.Tasks = append(req.Tasks, it.req.Tasks...)
		req.VMs = append(req.VMs, it.req.VMs...)
		req.Disks = append(req.Disks, it.req.Disks...)
	}
	if len(waits) == 0 {
		w.running = false
	}
	return waits, req
}

func (w *watcher) poll(ctx context.Context, req model.PollRequest) (*model.PollResult, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timing.CallTimeout)
	defer cancel()
	return w.vc.Poll(ctx, req)
}

// deliver gives the result to all that still wait and reports whether any wait
// ended. It holds the lock, so that no wait is checked after it has left.
func (w *watcher) deliver(waits []*wait, res *model.PollResult) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	ended := false
	for _, it := range waits {
		if _, waiting := w.waits[it]; !waiting {
			continue
		}
		if done, err := it.check(res); done || err != nil {
			delete(w.waits, it)
			it.ended <- err
			ended = true
		}
	}
	return ended
}

func (w *watcher) fail(waits []*wait, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, it := range waits {
		if _, waiting := w.waits[it]; waiting {
			delete(w.waits, it)
			it.ended <- err
		}
	}
}

// task waits for a vCenter task and returns the read in which it had ended, with the
// given VMs.
func (w *watcher) task(ctx context.Context, ref string, vms []string) (seen *model.PollResult, err error) {
	err = w.until(ctx, model.PollRequest{Tasks: []string{ref}, VMs: vms}, func(res *model.PollResult) (bool, error) {
		if res.Gone[ref] {
			return false, fmt.Errorf("vCenter no longer knows the task %s, as after a restart: %w", ref, errLost)
		}
		seen = res
		return res.Tasks[ref].Done, res.Tasks[ref].Err
	})
	return seen, err
}

// ended waits until tasks have ended, however they ended.
func (w *watcher) ended(ctx context.Context, refs []string) error {
	Waiting(ctx, "vCenter, in which clones of a run that was interrupted are under way")
	return w.until(ctx, model.PollRequest{Tasks: refs}, func(res *model.PollResult) (bool, error) {
		for _, ref := range refs {
			if !res.Gone[ref] && !res.Tasks[ref].Done {
				return false, nil
			}
		}
		return true, nil
	})
}

// gone waits until vCenter no longer knows the VM.
func (w *watcher) gone(ctx context.Context, vm string) error {
	return w.until(ctx, model.PollRequest{VMs: []string{vm}}, func(res *model.PollResult) (bool, error) {
		return res.Gone[vm], nil
	})
}

// vm reads the state of a VM once, with what is attached to it where disks are
// asked for.
func (w *watcher) vm(ctx context.Context, vm string, disks bool) (model.VMState, error) {
	req := model.PollRequest{VMs: []string{vm}}
	if disks {
		req.Disks = req.VMs
	}
	var state model.VMState
	err := w.until(ctx, req, func(res *model.PollResult) (bool, error) {
		if res.Gone[vm] {
			return false, model.ErrGone
		}
		var ok bool
		state, ok = res.VMs[vm]
		return ok, nil
	})
	return state, err
}
