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
type NotReadyError struct {
	Err error
	// again looks once more; nil: it may not have become ready meanwhile.
	again *packLook
}

func (e *NotReadyError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NotReadyError) Unwrap() error { return e.Err }

// packWaits are what the waits of a run share.
type packWaits struct {
	mu sync.Mutex
	// silent is since when the API has not answered them.
	silent time.Time
	// spent says that one of them has used up its time. Others look once: otherwise many packs
	// that lack the same thing would keep from its turn what may bring it.
	spent bool
}

// heard notes that a call was answered, or not, and returns how long none has been.
func (w *packWaits) heard(answered bool) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case answered:
		w.silent = time.Time{}
		return 0
	case w.silent.IsZero():
		w.silent = time.Now()
	}
	return time.Since(w.silent)
}

func (w *packWaits) spend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spent = true
}

func (w *packWaits) isSpent() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.spent
}

// waitForPack waits for a pack that was applied before.
func (r *Runner) waitForPack(ctx context.Context, s model.WaitForPack) error {
	pack := s.Pack
	if have := r.packs.get(pack.Name); r.packs.failure(pack.Name) != nil || !pack.Applied(have) {
		return errors.New("it is not applied")
	}
	if err := r.dependencies(pack); err != nil {
		return err
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return r.waitReady(ctx, &packLook{api: api, pack: pack, only: s.Only})
}

// noteNotReady stores that a pack was not seen ready since it was changed. That comes before the
// wait, which a run may not live to end.
func (r *Runner) noteNotReady(ctx context.Context, pack model.Pack) error {
	have := r.packs.get(pack.Name)
	if !pack.Wait || have.NotReady {
		return nil
	}
	have.NotReady = true
	r.packs.set(pack.Name, have)
	return r.storeImportData(ctx)
}

// waitAfterApply waits for what was just applied of a pack, unless that is a step of its own. Only
// names what that is; none: all of it.
func (r *Runner) waitAfterApply(
	ctx context.Context, api model.API, pack model.Pack, objects model.Inventory, only []model.ObjectRef,
) error {
	if !pack.Wait || pack.BeforeWorkers() {
		return nil
	}
	return r.waitReady(ctx, &packLook{api: api, pack: pack, only: only, inventory: &objects})
}

// waitReady waits until the objects of a pack are ready. One that has failed for good ends that at
// once, as does an API that may not be asked.
func (r *Runner) waitReady(ctx context.Context, l *packLook) error {
	l.once = r.waits.isSpent()
	err := poll(ctx, r.Timing, l.pack.WaitTimeout, func(ctx context.Context) error {
		err := r.look(ctx, l)
		if l.once && ctx.Err() == nil {
			return nil
		}
		return err
	})
	switch {
	case l.isReady():
		r.noteReady(l.pack.Name)
		return nil
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return context.Cause(ctx)
	case err != nil:
		r.waits.spend()
	}
	failure := &NotReadyError{Err: l.why(ctx)}
	if !l.failed() {
		failure.again = l
	}
	return failure
}

func (r *Runner) noteReady(pack string) {
	have := r.packs.get(pack)
	have.NotReady = false
	r.packs.set(pack, have)
}

// lookAgain leaves out of the failures of a run the packs that have become ready since: what came
// after them may be what they lacked.
func (r *Runner) lookAgain(ctx context.Context, failed []error) []error {
	return slices.DeleteFunc(failed, func(err error) bool {
		var waited *NotReadyError
		if !errors.As(err, &waited) || waited.again == nil || ctx.Err() != nil {
			return false
		}
		if _ = r.look(ctx, waited.again); !waited.again.isReady() {
			return false
		}
		r.noteReady(waited.again.pack.Name)
		r.packs.fail(waited.again.pack.Name, nil)
		return true
	})
}

// packLook is what looks at the objects of a pack have shown.
type packLook struct {
	api  model.API
	pack model.Pack
	// only are the objects that are looked at; none: all of them.
	only      []model.ObjectRef
	inventory *model.Inventory // nil: it is to be read

	once bool // there is no time for more than one look
	// known says that the API has answered, with the objects left that were not ready.
	known bool
	left  []model.NotReady
	// unknown is why the last call was not answered, and ends why none will be.
	unknown, ends error
}

func (l *packLook) isReady() bool { return l.known && l.unknown == nil && len(l.left) == 0 }

func (l *packLook) failed() bool { return slices.ContainsFunc(l.left, hasFailed) }

func hasFailed(o model.NotReady) bool { return o.Failed }

// look looks at the objects of a pack. The error is why another look is to follow.
func (r *Runner) look(ctx context.Context, l *packLook) error {
	left, err := l.notReady(ctx)
	if err != nil {
		if ctx.Err() == nil || !l.known {
			l.unknown = err
		}
		if ctx.Err() == nil {
			l.ends = r.endsWait(err)
		}
		if l.ends != nil {
			return nil //nolint:nilerr // ends is told after
		}
		return err
	}
	r.waits.heard(true)
	l.known = true
	l.left = left
	l.unknown = nil
	if len(left) > 0 && !l.failed() {
		return fmt.Errorf("not ready: %s", namedObjects(left))
	}
	return nil
}

func (l *packLook) notReady(ctx context.Context) ([]model.NotReady, error) {
	if l.inventory == nil {
		inventory, err := readInventory(ctx, l.api, l.pack.Name)
		if err != nil {
			return nil, err
		}
		if inventory == nil {
			return nil, fmt.Errorf("the Secret kube-system/%s, which has the list of its objects, is gone or damaged",
				model.InventorySecret(l.pack.Name))
		}
		l.inventory = inventory
	}
	objects := slices.DeleteFunc(slices.Clone(l.inventory.Objects), func(o model.PackObject) bool {
		return len(l.only) > 0 && !slices.Contains(l.only, o.ObjectRef)
	})
	return l.api.NotReady(ctx, model.PackManifests{
		Owner:     model.PackOwner{Cluster: l.inventory.Cluster, Pack: l.pack.Name},
		Manifests: l.pack.Manifests,
		Objects:   objects,
	})
}

// endsWait returns what ends a wait whose call has failed; nil: it goes on. An API that says why it
// does not answer this call, as where the webhook of a kind is away, is not one that is away.
func (r *Runner) endsWait(err error) error {
	if !model.Transient(err) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if silent := r.waits.heard(!errors.Is(err, model.ErrNoAnswer)); silent < r.Timing.APITimeout {
		return nil
	}
	return fmt.Errorf("the cluster's API has not answered for %s: %w", r.Timing.APITimeout, err)
}
