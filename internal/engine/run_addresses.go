package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// registerPool writes the record of the pool that a gateway brings along. One that
// is there is that one: a killed run's, or one that somebody edited. Of two pools
// that are registered at the same time, at least one sees the other after that.
func (r *run) registerPool(ctx context.Context) error {
	id, err := uuid.Parse(r.obs.OwnPool)
	if err != nil {
		return err
	}
	if err := r.writePool(ctx, id); err != nil {
		return err
	}
	overlaps, _, err := r.e.Ledger.Overlaps(ctx, id, *r.spec.OwnPool)
	if err != nil || len(overlaps) == 0 {
		return err
	}
	if r.record.ready() {
		return overlaps[0] // its nodes live on it
	}
	if err := r.unregisterPool(ctx); err != nil {
		return errors.Join(overlaps[0], err)
	}
	return overlaps[0]
}

func (r *run) writePool(ctx context.Context, id uuid.UUID) error {
	raw, err := json.Marshal(r.spec.OwnPool)
	if err != nil {
		return err
	}
	rec := ledger.Record{Ref: record.Ref{Kind: record.KindIPPool, Name: r.spec.OwnPool.Name, GatewayID: ledgerID(r.spec.ID)}, Body: raw}
	err = r.change(ctx, func(ctx context.Context) error {
		_, err := r.e.Ledger.Register(ctx, rec)
		return err
	})
	if !errors.Is(err, ledger.ErrExists) {
		return err
	}
	return r.change(ctx, func(ctx context.Context) error { return r.e.Ledger.UpdateRecord(ctx, id, raw) })
}

func (r *run) unregisterPool(ctx context.Context) error {
	id, err := uuid.Parse(r.obs.OwnPool)
	if err != nil {
		return err
	}
	return r.change(ctx, func(ctx context.Context) error { return r.e.Ledger.Unregister(ctx, id) })
}

// reserveEndpoint claims the VIP and the extra from the control plane's pool.
func (r *run) reserveEndpoint(ctx context.Context) error {
	pool := r.obs.IPPools[r.spec.ControlPlane.Placements[0].IPPoolID]
	for _, role := range []string{OwnerVIP, OwnerExtra} {
		addr, err := r.claim(ctx, pool, role)
		if err != nil {
			return err
		}
		if role == OwnerVIP {
			r.vip = addr
		} else {
			r.extra = addr
		}
	}
	return nil
}

func (r *run) releaseEndpoint(ctx context.Context) error {
	for _, c := range r.obs.Claims {
		if c.Node == OwnerVIP || c.Node == OwnerExtra {
			if err := r.releaseAddress(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// claim takes an address for an owner; a claim that the owner already has is
// that claim.
func (r *run) claim(ctx context.Context, pool *IPPool, owner string) (addr netip.Addr, err error) {
	if have, ok := r.obs.endpointOf(pool.ID.String(), owner); ok {
		return have, nil
	}
	if !pool.Registered {
		return addr, fmt.Errorf("the IP pool %s that %s gets an address of is not registered", pool.ID, owner)
	}
	err = r.change(ctx, func(ctx context.Context) error {
		addr, err = r.e.Ledger.Claim(ctx, pool.IPPool, ledger.Owner{Cluster: ledgerID(r.spec.ID), Node: owner}, r.obs.taken)
		return err
	})
	return addr, err
}

func (r *run) releaseAddress(ctx context.Context, c Claim) error {
	id, err := uuid.Parse(c.Pool)
	if err != nil {
		return err
	}
	// Of a pool that is not registered nobody would find what rests.
	pool := ledger.IPPool{ID: id}
	if known := r.obs.IPPools[c.Pool]; known != nil && known.Registered {
		pool = known.IPPool
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.e.Ledger.Release(ctx, pool, c.Address, ledger.Owner{Cluster: ledgerID(r.spec.ID), Node: c.Node})
	})
}

// claimAgain claims the very address that a node lives on.
func (r *run) claimAgain(ctx context.Context, c Claim) error {
	pool := r.obs.IPPools[c.Pool]
	if pool == nil || !pool.Registered {
		return fmt.Errorf("the IP pool %s that the address of %s comes from is not registered any more; make it again with the same name and range", c.Pool, c.Node)
	}
	return r.change(ctx, func(ctx context.Context) error {
		return r.e.Ledger.ClaimAddress(ctx, pool.IPPool, ledger.Owner{Cluster: ledgerID(r.spec.ID), Node: c.Node}, c.Address)
	})
}
