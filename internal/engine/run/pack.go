package run

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// appliedPacks are what was applied, by pack.
type appliedPacks struct {
	mu    sync.Mutex
	packs map[string]model.AppliedPack
	// removed are those that this run has uninstalled.
	removed map[string]bool
	// failed is why this run could not apply packs, or why they were not ready in time.
	failed map[string]error
}

// fail notes why a pack could not be applied, or was not ready in time.
func (a *appliedPacks) fail(name string, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failed == nil {
		a.failed = map[string]error{}
	}
	a.failed[name] = why
}

// failure is why a pack could not be applied, or was not ready in time; nil: it was, as far as this
// run has come.
func (a *appliedPacks) failure(name string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed[name]
}

// set notes what was applied of a pack, whose credentials are another matter.
func (a *appliedPacks) set(name string, pack model.AppliedPack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pack.Credentials = a.packs[name].Credentials
	a.packs[name] = pack
}

// setCredentials notes what the Secret of a pack's credentials has; nil: there is none.
func (a *appliedPacks) setCredentials(name string, c *model.Credentials) {
	a.mu.Lock()
	defer a.mu.Unlock()
	pack := a.packs[name]
	pack.Credentials = c
	a.put(name, pack)
}

// put notes what there is of a pack, which may be nothing. The caller holds the lock.
func (a *appliedPacks) put(name string, pack model.AppliedPack) {
	if !pack.Nothing() {
		a.packs[name] = pack
		return
	}
	delete(a.packs, name)
	if a.removed == nil {
		a.removed = map[string]bool{}
	}
	a.removed[name] = true
}

func (a *appliedPacks) get(name string) model.AppliedPack {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.packs[name]
}

// remove notes that nothing of a pack is left but its credentials.
func (a *appliedPacks) remove(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.put(name, model.AppliedPack{Credentials: a.packs[name].Credentials})
}

func (a *appliedPacks) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.packs)
}

func (a *appliedPacks) all() map[string]model.AppliedPack {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.packs)
}

// keep takes over what the cluster says was applied, but for what this run applied.
func (a *appliedPacks) keep(stored map[string]model.AppliedPack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, pack := range stored {
		if _, applied := a.packs[name]; !applied && !a.removed[name] {
			a.packs[name] = pack
		}
	}
}

// readPacks reads what was applied where the API did not answer when the run began:
// what is not known must not be written over.
func (r *Runner) readPacks(ctx context.Context, api model.API) error {
	if r.World.Facts.API.Answered() {
		return nil
	}
	stored, err := api.Secret(ctx, model.SecretCluster)
	if err != nil {
		return fmt.Errorf("read the Secret %s: %w", model.SecretCluster, err)
	}
	raw, ok := stored[model.PacksKey]
	if !ok {
		return nil
	}
	var packs map[string]model.AppliedPack
	if err := json.Unmarshal(raw, &packs); err != nil {
		return fmt.Errorf("read the packs in the Secret %s: %w", model.SecretCluster, err)
	}
	r.packs.keep(packs)
	return nil
}

// changePack runs the steps on packs.
func (r *Runner) changePack(ctx context.Context, step model.Step) error {
	switch s := step.(type) {
	case model.ApplyPack:
		if len(s.SetsBack) > 0 {
			return r.noteFailure(s.Pack, r.setBack(ctx, s))
		}
		return r.noteFailure(s.Pack, r.applyPack(ctx, s.Pack, s.Position))
	case model.WaitForPack:
		return r.noteFailure(s.Pack, r.waitForPack(ctx, s))
	case model.InstallPack:
		return r.noteFailure(s.Pack, r.releasePack(ctx, s.Pack, s.Position))
	case model.UpgradePack:
		return r.noteFailure(s.Pack, r.releasePack(ctx, s.Pack, s.Position))
	case model.UninstallPack:
		return r.uninstallPack(ctx, s)
	case model.WriteCredentials:
		return r.writeCredentials(ctx, s.Pack)
	case model.DeleteCredentials:
		return r.deleteCredentials(ctx, s)
	default:
		return fmt.Errorf("unknown step %T", step)
	}
}

// noteFailure notes which pack has failed, for those that need it.
func (r *Runner) noteFailure(pack model.Pack, err error) error {
	if err != nil {
		r.packs.fail(pack.Name, err)
	}
	return err
}

// waitAvailable waits for the deployment of a pack. A pack that is applied and does
// not become available is applied again by the next run.
func (r *Runner) waitAvailable(ctx context.Context, api model.API, d *model.Deployment) error {
	if d == nil {
		return nil
	}
	err := poll(ctx, r.Timing, d.Timeout, func(ctx context.Context) error { return api.Available(ctx, d.Namespace, d.Name) })
	if err == nil || ctx.Err() != nil {
		return err
	}
	ends, unread := api.ContainerEnds(ctx, d.Namespace, d.Name)
	if unread != nil {
		ends = nil // the explanation does without
	}
	return fmt.Errorf("%w. %s", err, d.Explain(ends))
}
