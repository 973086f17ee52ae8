package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// NotReadyError says that a pack was applied and that its objects were not ready in time, or that
// one of them has failed. Repairs and rollouts of nodes, which may be what they lack, go on; packs
// of later layers do not.
type NotReadyError struct{ Err error }

func (e *NotReadyError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NotReadyError) Unwrap() error { return e.Err }

// maxNamed bounds how many objects that are not ready are named.
const maxNamed = 10

// silence is since when the API has not answered the waits of a run. One that has not for the
// whole of the time that it is given is not waited for again, for no pack.
type silence struct {
	mu    sync.Mutex
	since time.Time
}

// heard notes how a call has ended, and returns how long none has been answered.
func (s *silence) heard(err error) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.since = time.Time{}
		return 0
	case s.since.IsZero():
		s.since = time.Now()
	}
	return time.Since(s.since)
}

// waitForPack waits for a pack that was applied before.
func (r *Runner) waitForPack(ctx context.Context, pack model.Pack) error {
	if have := r.packs.get(pack.Name); r.packs.failure(pack.Name) != nil || !pack.Applied(have) {
		return errors.New("it is not applied")
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, r.Timing.APITimeout)
	defer cancel()
	inventory, err := readInventory(bounded, api, pack.Name)
	if err != nil {
		return err
	}
	if inventory == nil {
		return fmt.Errorf("the Secret kube-system/%s, which has the list of its objects, is gone or damaged. "+
			"The next apply applies the pack again", model.InventorySecret(pack.Name))
	}
	return r.waitReady(ctx, api, pack, *inventory)
}

// waitAfterApply waits for what was just applied of a pack, unless that is a step of its own. That
// it was not seen ready is noted before.
func (r *Runner) waitAfterApply(ctx context.Context, api model.API, pack model.Pack, objects model.Inventory) error {
	if !pack.Wait {
		return nil
	}
	have := r.packs.get(pack.Name)
	have.NotReady = true
	r.packs.set(pack.Name, have)
	if pack.BeforeWorkers() {
		return nil
	}
	return r.waitReady(ctx, api, pack, objects)
}

// waitReady waits until all objects of a pack are ready. One that has failed for good ends that at
// once, as does an API that may not be asked.
func (r *Runner) waitReady(ctx context.Context, api model.API, pack model.Pack, inventory model.Inventory) error {
	m := model.PackManifests{
		Owner:     model.PackOwner{Cluster: inventory.Cluster, Pack: pack.Name},
		Manifests: pack.Manifests,
		Objects:   inventory.Objects,
	}
	var left []model.NotReady
	var ends, unanswered error
	err := poll(ctx, r.Timing, pack.WaitTimeout, func(ctx context.Context) error {
		found, err := api.NotReady(ctx, m)
		if err != nil {
			if ctx.Err() == nil {
				unanswered = err
				ends = r.endsWait(err)
			}
			if ends != nil {
				return nil //nolint:nilerr // ends is told after
			}
			return err
		}
		r.silence.heard(nil)
		left = found
		unanswered = nil
		if len(left) > 0 && !slices.ContainsFunc(left, hasFailed) {
			return fmt.Errorf("not ready: %s", namedObjects(left))
		}
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case ends != nil:
		return ends
	case err != nil && (unanswered != nil || len(left) == 0):
		return fmt.Errorf("whether its objects are ready is not known: %w", err)
	case len(left) == 0:
		have := r.packs.get(pack.Name)
		have.NotReady = false
		r.packs.set(pack.Name, have)
		return nil
	case err == nil:
		left = slices.DeleteFunc(left, func(o model.NotReady) bool { return !o.Failed })
		err = fmt.Errorf("failed: %s", namedObjects(left))
	}
	if why := api.Explain(ctx, left); why != "" {
		err = fmt.Errorf("%w. %s", err, why)
	}
	return &NotReadyError{Err: err}
}

// endsWait returns what ends a wait whose call has failed; nil: it goes on.
func (r *Runner) endsWait(err error) error {
	if errors.Is(err, model.ErrPermission) {
		return err
	}
	if silent := r.silence.heard(err); silent < r.Timing.APITimeout {
		return nil
	}
	return fmt.Errorf("whether its objects are ready is not known, since the cluster's API has not answered for %s: %w",
		r.Timing.APITimeout, err)
}

func hasFailed(o model.NotReady) bool { return o.Failed }

// namedObjects are objects and why they are not ready.
func namedObjects(objects []model.NotReady) string {
	var names []string
	for _, o := range objects[:min(len(objects), maxNamed)] {
		names = append(names, fmt.Sprintf("%s (%s)", o.ObjectRef, o.Why))
	}
	if more := len(objects) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return model.Listed(names)
}
