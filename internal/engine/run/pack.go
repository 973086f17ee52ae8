package run

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// appliedPacks are the hashes of what was applied, by pack.
type appliedPacks struct {
	mu     sync.Mutex
	hashes map[string]string
}

func (a *appliedPacks) set(pack model.Pack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hashes[pack.Name] = pack.Hash()
}

func (a *appliedPacks) all() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.hashes)
}

func (r *Runner) applyPack(ctx context.Context, pack model.Pack) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, r.Timing.APITimeout)
	defer cancel()
	if err := api.Apply(bounded, pack.Manifests); err != nil {
		return err
	}
	if err := r.waitAvailable(ctx, api, pack.Await); err != nil {
		return err
	}
	r.packs.set(pack)
	return nil
}

// waitAvailable waits for the deployment of a pack. A pack that is applied and does
// not become available is applied again by the next run.
func (r *Runner) waitAvailable(ctx context.Context, api model.API, d *model.Deployment) error {
	if d == nil {
		return nil
	}
	err := poll(ctx, r.Timing, d.Timeout, func(ctx context.Context) error { return api.Available(ctx, d.Namespace, d.Name) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w. %s", err, d.Advice)
	}
	return err
}
