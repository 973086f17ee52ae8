package observe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// readIPPools reads the pools that the spec, the record and the machines name: an
// address is also released to a pool that the spec no longer uses.
func (o Observer) readIPPools(ctx context.Context, w *World, req request) error {
	ids := append([]uuid.UUID{}, req.ipPools...)
	ids = append(ids, req.record.IPPools...)
	for _, m := range w.Facts.Machines {
		ids = append(ids, m.Marker.IPPool)
	}
	own := o.ownIPPoolID(req.target)
	ids = append(ids, own)
	for _, id := range ids {
		if _, done := w.Limits.IPPools[id]; done || id == uuid.Nil {
			continue
		}
		pool, known := o.IPPools[id]
		if !known || id == own {
			var err error
			if pool, err = o.readIPPool(ctx, id); err != nil {
				return err
			}
		}
		w.addIPPool(pool)
	}

	if own == uuid.Nil {
		return nil
	}
	registered := w.Limits.IPPools[own]
	w.Facts.OwnIPPool = model.OwnIPPool{
		ID:         own,
		Registered: registered.Registered && len(req.gone) == 0,
		Record:     registered.Record,
	}
	if !w.Facts.OwnIPPool.Outdated(req.own) || errors.Is(registered.Damage, record.ErrNewer) {
		return nil
	}
	// As it will be once its step has run.
	w.addIPPool(model.IPPool{ID: own, Registered: true, Record: *req.own, GatewayID: req.target.ID})
	return nil
}

// ownIPPoolID is the id of a gateway's inline IP pool; uuid.Nil where it has none.
func (o Observer) ownIPPoolID(t model.Target) uuid.UUID {
	if t.OwnIPPool == "" {
		return uuid.Nil
	}
	return o.Ledger.ID(record.Ref{Kind: record.KindIPPool, GatewayID: t.ID, Name: t.OwnIPPool})
}

// readIPPool reads the record of a pool. That it is missing or damaged is an
// observation, not an error.
func (o Observer) readIPPool(ctx context.Context, id uuid.UUID) (model.IPPool, error) {
	pool := model.IPPool{ID: id}
	rec, err := o.PoolLedger.Record(ctx, id)
	if err == nil {
		pool.Record, err = rec.IPPool()
	}
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return pool, nil
	case errors.Is(err, ledger.ErrDamaged), errors.Is(err, record.ErrNewer):
		pool.Damage = err
		return pool, nil
	case err != nil:
		return pool, fmt.Errorf("read the record of IP pool %s: %w", id, err)
	}
	pool.Registered = true
	pool.GatewayID = rec.Ref.GatewayID
	return pool, nil
}

// addIPPool adds a pool to the limits and, where it is registered, to those that
// can be claimed from. One whose addresses make no sense is damaged.
func (w *World) addIPPool(pool model.IPPool) {
	if pool.Registered {
		claimable, err := ledger.NewIPPool(pool.ID, pool.Record)
		if err != nil {
			pool.Registered = false
			pool.Damage = fmt.Errorf("the record of IP pool %q is not valid: %w", pool.Record.Name, err)
		} else {
			pool.Addresses = claimable.Pool
			w.IPPools[pool.ID] = claimable
		}
	}
	w.Limits.IPPools[pool.ID] = pool
}

// count fills in what is left of a pool.
func count(pool model.IPPool, claimable ledger.IPPool, snapshot *ledger.Snapshot, reported map[netip.Addr]string) model.IPPool {
	pool.Total = claimable.Total()
	pool.Taken = snapshot.Count(claimable)
	pool.UnclaimedInUse = map[netip.Addr]string{}
	for addr, vm := range reported {
		if claimable.Issuable(addr) && !snapshot.Has(pool.ID, addr) {
			pool.UnclaimedInUse[addr] = vm
		}
	}
	return pool
}
