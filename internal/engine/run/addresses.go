package run

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// addresses are the cluster's claims.
type addresses struct {
	ledger   *ledger.Ledger
	changes  *changes
	cluster  uuid.UUID
	facts    *model.Facts
	pools    map[uuid.UUID]ledger.IPPool // the registered ones
	snapshot *ledger.Snapshot

	mu    sync.Mutex
	vip   netip.Addr
	extra netip.Addr
}

func newAddresses(r *Runner) *addresses {
	a := &addresses{
		ledger:   r.Ledger,
		changes:  r.changes,
		cluster:  r.Spec.ID,
		facts:    &r.World.Facts,
		pools:    r.World.IPPools,
		snapshot: r.World.Snapshot,
	}
	pool := r.Spec.EndpointIPPool()
	a.vip, _ = a.facts.Address(pool, model.OwnerVIP)
	a.extra, _ = a.facts.Address(pool, model.OwnerExtra)
	return a
}

// endpoint is the VIP and the extra.
func (a *addresses) endpoint() (vip, extra netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.vip, a.extra
}

// reserveEndpoint claims the VIP and the extra.
func (a *addresses) reserveEndpoint(ctx context.Context, pool uuid.UUID) error {
	vip, err := a.claim(ctx, pool, model.OwnerVIP)
	if err != nil {
		return err
	}
	extra, err := a.claim(ctx, pool, model.OwnerExtra)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.vip = vip
	a.extra = extra
	return nil
}

// claim takes an address for an owner; where the owner has one already, that is it.
func (a *addresses) claim(ctx context.Context, id uuid.UUID, owner string) (addr netip.Addr, err error) {
	if have, ok := a.facts.Address(id, owner); ok {
		return have, nil
	}
	pool, ok := a.pools[id]
	if !ok {
		return addr, fmt.Errorf("the IP pool %s that %s gets an address of is not registered", id, owner)
	}
	err = a.changes.call(ctx, func(ctx context.Context) error {
		addr, err = a.ledger.Claim(ctx, pool, ledger.Owner{Cluster: a.cluster, Node: owner}, a.snapshot)
		return err
	})
	return addr, err
}

// reclaim claims the very address that a node lives on.
func (a *addresses) reclaim(ctx context.Context, c model.Claim) error {
	pool, ok := a.pools[c.IPPool]
	if !ok {
		return fmt.Errorf("the IP pool %s that the address of %s comes from is not registered any more; "+
			"create it again with the same name and range",
			c.IPPool, c.Owner)
	}
	return a.changes.call(ctx, func(ctx context.Context) error {
		return a.ledger.ClaimAddress(ctx, pool, ledger.Owner{Cluster: a.cluster, Node: c.Owner}, c.Address)
	})
}

// release gives an address back. In a full pool a successor may need just that one.
func (a *addresses) release(ctx context.Context, c model.Claim) error {
	owner := ledger.Owner{Cluster: a.cluster, Node: c.Owner}
	pool, registered := a.pools[c.IPPool]
	if !registered {
		// Addresses of a pool that is not registered do not cool down: no claim would
		// ever read that.
		pool = ledger.IPPool{ID: c.IPPool}
	}
	err := a.changes.call(ctx, func(ctx context.Context) error { return a.ledger.Release(ctx, pool, c.Address, owner) })
	if err == nil && registered && a.snapshot != nil {
		a.snapshot.MarkReleased(pool, c.Address, owner)
	}
	return err
}

func (a *addresses) releaseAll(ctx context.Context, claims []model.Claim) error {
	for _, c := range claims {
		if err := a.release(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// claimsOf are the addresses that a node holds, but for the one of the given pool.
func (a *addresses) claimsOf(node string, except uuid.UUID) []model.Claim {
	var claims []model.Claim
	for _, c := range a.facts.Claims {
		if c.Owner == node && c.IPPool != except {
			claims = append(claims, c)
		}
	}
	return claims
}
