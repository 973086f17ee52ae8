package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// recordKeeper writes the cluster's record. Only the holder of the lock does.
type recordKeeper struct {
	ledger *ledger.Ledger
	id     uuid.UUID
	mu     sync.Mutex
	body   *record.Cluster
}

func (k *recordKeeper) ready() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.body != nil && k.body.APIReached
}

// update changes the record, if the change makes a difference.
func (k *recordKeeper) update(ctx context.Context, change func(*record.Cluster)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.body == nil {
		return errors.New("the record is not there")
	}
	old, err := json.Marshal(k.body)
	if err != nil {
		return err
	}
	var next record.Cluster
	if err := json.Unmarshal(old, &next); err != nil {
		return err
	}
	change(&next)
	raw, err := json.Marshal(&next)
	if err != nil {
		return err
	}
	if string(raw) == string(old) {
		return nil
	}
	if err := k.ledger.UpdateRecord(ctx, k.id, raw); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	k.body = &next
	return nil
}

// writeAhead writes the names that the plan will use into the record before the
// first of them is used. A new record is written by its own step.
func (r *run) writeAhead(ctx context.Context, p *Plan) error {
	if r.obs.Record == nil || p.record.counters == nil {
		return nil
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.record.update(ctx, func(b *record.Cluster) {
			b.Counters, b.Pending, b.IPPools = p.record.counters, p.record.pending, r.poolIDs()
		})
	})
}

// handOver writes down that the run ends and its caller has the certificate
// authorities, whatever has failed: from here on nobody takes the cluster over.
func (r *run) handOver(ctx context.Context) error {
	if !r.answered() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	return r.change(ctx, func(ctx context.Context) error {
		return r.record.update(ctx, func(b *record.Cluster) { b.CreationComplete = true })
	})
}

func (r *run) poolIDs() []uuid.UUID {
	var ids []uuid.UUID
	if r.obs.Record != nil {
		ids = append(ids, r.obs.Record.IPPools...)
	}
	ids = append(ids, ledgerIDs(r.spec.poolsOfSpec())...)
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

// register writes the cluster into the ledger, which notes it at its gateway, and
// says at its account that it is there, so that neither is deleted under it.
func (r *run) register(ctx context.Context) error {
	if r.record.body == nil {
		body := &record.Cluster{
			ID: ledgerID(r.spec.ID), Kind: r.spec.Target().ledgerKind(), Folder: r.spec.Folder,
			// By reference: a datacenter may be renamed.
			Datacenter: r.obs.Survey.Site.Datacenter,
			APIReached: r.planned.ready, CreationComplete: r.planned.ready,
			Counters: r.planned.counters, Pending: r.planned.pending, IPPools: r.poolIDs(), Parents: ledgerIDs(r.req.Parents),
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return err
		}
		rec := ledger.Record{Ref: r.spec.Target().ledgerRef(), Body: raw}
		if err := r.change(ctx, func(ctx context.Context) error {
			_, err := r.e.Ledger.Register(ctx, rec)
			return err
		}); err != nil {
			return err
		}
		r.record.body = body
	}
	for _, parent := range r.record.body.Parents {
		if err := r.change(ctx, func(ctx context.Context) error { return r.addChild(ctx, parent) }); err != nil {
			return err
		}
	}
	return nil
}

// moveParents keeps the cloud account from being deleted that the cluster uses
// now, and lets go of the one that it used before. The new one is noted first:
// killed in between, the cluster has both.
func (r *run) moveParents(ctx context.Context) error {
	if r.down || r.obs.Record == nil || !r.obs.Record.APIReached {
		return nil // registering does it
	}
	before := r.obs.Record.Parents
	parents := ledgerIDs(r.req.Parents)
	if slices.Equal(before, parents) || len(parents) == 0 {
		return nil
	}
	for _, parent := range parents {
		if err := r.change(ctx, func(ctx context.Context) error { return r.addChild(ctx, parent) }); err != nil {
			return err
		}
	}
	for _, parent := range before {
		if !slices.Contains(parents, parent) {
			if err := r.change(ctx, func(ctx context.Context) error { return r.removeChild(ctx, parent) }); err != nil {
				return err
			}
		}
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.record.update(ctx, func(b *record.Cluster) { b.Parents = parents })
	})
}

func (r *run) removeChild(ctx context.Context, parent uuid.UUID) error {
	return r.e.Ledger.RemoveChild(ctx, parent, r.spec.Target().ledgerRef())
}

func (r *run) addChild(ctx context.Context, parent uuid.UUID) error {
	return r.e.Ledger.AddChild(ctx, parent, r.spec.Target().ledgerRef())
}

func (r *run) unregister(ctx context.Context) error {
	for _, parent := range r.obs.Record.Parents {
		if err := r.change(ctx, func(ctx context.Context) error { return r.removeChild(ctx, parent) }); err != nil {
			return err
		}
	}
	if err := r.leavePools(ctx, nil); err != nil {
		return err
	}
	return r.change(ctx, func(ctx context.Context) error { return r.e.Ledger.Unregister(ctx, r.record.id) })
}

// ensureFolder makes the VM folder, if it is not there, and keeps its reference.
// What is missing of the path goes into the record first: a folder that is made
// and not noted would stay for ever.
func (r *run) ensureFolder(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.folder != "" {
		return nil
	}
	return r.change(ctx, func(ctx context.Context) error {
		if err := r.record.update(ctx, func(b *record.Cluster) {
			for _, path := range r.obs.Survey.Site.MissingFolders {
				if !slices.Contains(b.Folders, path) {
					b.Folders = append(b.Folders, path)
				}
			}
		}); err != nil {
			return err
		}
		ref, _, err := r.vc.CreateFolder(ctx, r.spec.Datacenter, r.spec.Folder)
		if err != nil {
			return err
		}
		r.folder = ref
		return nil
	})
}

func (r *run) deleteFolder(ctx context.Context, path string) error {
	return r.change(ctx, func(ctx context.Context) error {
		return r.vc.DeleteFolder(ctx, r.obs.Record.Datacenter, path)
	})
}

func (r *run) applyPack(ctx context.Context, pack *Pack) error {
	api, err := r.changeAPI(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, r.e.Timing.APITimeout)
	defer cancel()
	if err := api.Apply(bounded, pack.Manifests); err != nil {
		return err
	}
	if err := r.awaitPack(ctx, api, pack.Await); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packs[pack.Name] = pack.Hash()
	return nil
}

// awaitPack waits for what a pack brings. A pack that is applied and does not
// come up is applied again by the next run.
func (r *run) awaitPack(ctx context.Context, api API, d *Deployment) error {
	if d == nil {
		return nil
	}
	err := r.poll(ctx, d.Timeout, func(ctx context.Context) error { return api.Available(ctx, d.Namespace, d.Name) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w. %s", err, d.Advice)
	}
	return err
}
