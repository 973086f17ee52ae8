package run

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// createIPPool writes the record of a gateway's inline IP pool. One that is there
// is that one: of a killed run, or edited by hand. Of two pools that are registered
// at the same time, at least one sees the other after that.
func (r *Runner) createIPPool(ctx context.Context) error {
	id := r.World.Facts.OwnIPPool.ID
	if err := r.writeIPPool(ctx, id); err != nil {
		return err
	}
	overlaps, _, err := r.Ledger.Overlaps(ctx, id, *r.Spec.OwnIPPool)
	if err != nil || len(overlaps) == 0 {
		return err
	}
	if r.record.apiReached() {
		return overlaps[0] // its nodes live on it
	}
	return errors.Join(overlaps[0], r.deleteIPPool(ctx))
}

func (r *Runner) writeIPPool(ctx context.Context, id uuid.UUID) error {
	body := *r.Spec.OwnIPPool
	body.Written = r.Now().UnixMilli()
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	rec := ledger.Record{
		Ref:  record.Ref{Kind: record.KindIPPool, GatewayID: r.Spec.ID, Name: r.Spec.OwnIPPool.Name},
		Body: raw,
	}
	err = r.changes.call(ctx, func(ctx context.Context) error {
		_, err := r.Ledger.Register(ctx, rec)
		return err
	})
	if !errors.Is(err, ledger.ErrExists) {
		return err
	}
	return r.changes.call(ctx, func(ctx context.Context) error { return r.Ledger.UpdateRecord(ctx, id, raw) })
}

func (r *Runner) deleteIPPool(ctx context.Context) error {
	return r.changes.call(ctx, func(ctx context.Context) error {
		return r.Ledger.Unregister(ctx, r.World.Facts.OwnIPPool.ID)
	})
}

// ReleaseUnusedIPPools opens the restricted pools that the cluster has to itself
// for other clusters, where the last of its claims has gone. It comes when no step
// claims any more.
func (r *Runner) ReleaseUnusedIPPools(ctx context.Context, used []uuid.UUID) error {
	uses := map[uuid.UUID]bool{}
	for _, id := range used {
		uses[id] = true
	}
	for id, pool := range r.World.IPPools {
		// One that no cluster has yet may have become this cluster's in this run.
		reserved := r.World.Limits.IPPools[id].ReservedBy
		others := reserved != uuid.Nil && reserved != r.Spec.ID
		if uses[id] || !pool.SingleCluster || others {
			continue
		}
		if err := r.changes.call(ctx, func(ctx context.Context) error {
			return r.Ledger.ReleaseIfUnused(ctx, pool, r.Spec.ID)
		}); err != nil {
			return err
		}
	}
	return nil
}
