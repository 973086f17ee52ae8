package run

import (
	"context"
	"encoding/json"
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

func (a *appliedPacks) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.hashes)
}

func (a *appliedPacks) all() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.hashes)
}

// keep takes over what the cluster says was applied, but for what this run applied.
func (a *appliedPacks) keep(stored map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, hash := range stored {
		if _, applied := a.hashes[name]; !applied {
			a.hashes[name] = hash
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
	var hashes map[string]string
	if err := json.Unmarshal(raw, &hashes); err != nil {
		return fmt.Errorf("read the packs in the Secret %s: %w", model.SecretCluster, err)
	}
	r.packs.keep(hashes)
	return nil
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
	if err == nil || ctx.Err() != nil {
		return err
	}
	ends, unread := api.ContainerEnds(ctx, d.Namespace, d.Name)
	if unread != nil {
		ends = nil // the explanation does without
	}
	return fmt.Errorf("%w. %s", err, d.Explain(ends))
}
