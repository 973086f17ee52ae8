package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// addresses are the cluster's claims.
type addresses struct {
	ledger   *ledger.Ledger
	changes  *changes
	cluster  uuid.UUID
	names    func() model.NodeNames
	facts    *model.Facts
	pools    map[uuid.UUID]ledger.IPPool // the registered ones
	snapshot *ledger.Snapshot

	mu sync.Mutex
	// at is the endpoint; in a destruction it has no IP pool.
	at    model.Endpoint
	extra netip.Addr           // none while the successor of a control-plane node has it
	taken []model.Claim        // by nodes that this run builds
	given map[model.Claim]bool // back by this run, of those that there were
}

func newAddresses(r *Runner) *addresses {
	a := &addresses{
		ledger:   r.Ledger,
		changes:  r.changes,
		cluster:  r.Spec.ID,
		names:    r.record.names,
		facts:    &r.World.Facts,
		pools:    r.World.IPPools,
		snapshot: r.World.Snapshot,
		given:    map[model.Claim]bool{},
		at:       r.World.Facts.EndpointOf(r.Spec),
	}
	a.extra, _ = a.facts.Address(a.at.IPPool, model.OwnerExtra)
	return a
}

// endpoint is where the control plane answers, as far as that is known by now.
func (a *addresses) endpoint() model.Endpoint {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

// moveEndpoint sets the address of the endpoint, once the load balancer has a lease.
func (a *addresses) moveEndpoint(to netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at.Address = to
}

// run carries out a step that claims or releases addresses and does nothing else.
func (a *addresses) run(ctx context.Context, step model.Step) error {
	switch s := step.(type) {
	case model.ReserveEndpoint:
		return a.reserveEndpoint(ctx, s.IPPool)
	case model.ReleaseEndpoint:
		return a.releaseAll(ctx, s.Claims)
	case model.ClaimAddress:
		return a.reclaim(ctx, s.Claim)
	case model.ReleaseAddress:
		return a.release(ctx, s.Claim)
	default:
		return fmt.Errorf("%T is no step of addresses", step)
	}
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
	a.at.Address = vip
	a.extra = extra
	return nil
}

// claim takes an address for an owner; where the owner has one already, that is it.
func (a *addresses) claim(ctx context.Context, id uuid.UUID, owner string) (addr netip.Addr, err error) {
	for _, c := range a.claims() {
		if c.IPPool == id && c.Owner == owner {
			return c.Address, nil
		}
	}
	for _, c := range a.facts.Unclaimed {
		if c.IPPool == id && c.Owner == owner {
			// Its VM may be on the way out: claimed first, it stays the owner's.
			return c.Address, a.reclaim(ctx, c)
		}
	}
	pool, ok := a.pools[id]
	if !ok {
		return addr, fmt.Errorf("the IP pool %s that %s gets an address of is not registered", id, owner)
	}
	for {
		err = a.changes.call(ctx, func(ctx context.Context) error {
			addr, err = a.ledger.Claim(ctx, pool, ledger.Owner{Cluster: a.cluster, Node: owner}, a.snapshot)
			return err
		})
		if err == nil {
			return addr, nil
		}
		if err := a.waitCooledDown(ctx, err); err != nil {
			return addr, err
		}
	}
}

// waitCooledDown waits where a claim failed because the addresses that are left cool
// down, as right after the destruction of what the cluster replaces; any other failure
// it returns. One that the run does not live to see is not waited for.
func (a *addresses) waitCooledDown(ctx context.Context, failed error) error {
	var exhausted *ledger.ExhaustedError
	if !errors.As(failed, &exhausted) || exhausted.Next.IsZero() {
		return failed
	}
	wait, err := a.ledger.Until(ctx, exhausted.Next)
	if err != nil {
		return err
	}
	wait += time.Second // times are told in whole seconds
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) < wait {
		return failed
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait):
		return nil
	}
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

// release gives an address back, or makes it the extra, where there is none.
func (a *addresses) release(ctx context.Context, c model.Claim) error {
	if a.returns(c) {
		err := a.keepAsExtra(ctx, c)
		if err == nil {
			a.forget(c)
		}
		return err
	}
	pool, registered := a.pools[c.IPPool]
	if !registered {
		// Addresses of a pool that is not registered do not cool down: no claim would
		// ever read that.
		pool = ledger.IPPool{ID: c.IPPool}
	}
	err := a.changes.call(ctx, func(ctx context.Context) error {
		err := a.ledger.Release(ctx, pool, c.Address, ledger.Owner{Cluster: a.cluster, Node: c.Owner})
		var held *ledger.HeldError
		if errors.As(err, &held) && held.Owner == (ledger.Owner{Cluster: a.cluster, Node: model.OwnerExtra}) {
			// A run was killed when a node was gone and its address not yet the extra.
			return a.ledger.Release(ctx, pool, c.Address, held.Owner)
		}
		return err
	})
	if err == nil {
		a.forget(c)
	}
	return err
}

// releaseNode releases the addresses of a node whose VM is gone, but for the one of
// the pool that it is built again on. In a full pool a successor needs just the one
// that was released; where a VM of others has it by now, it stays out of use.
func (a *addresses) releaseNode(ctx context.Context, node string, rebuiltOn uuid.UUID, vm string) error {
	for _, c := range a.claims() {
		if c.Owner != node || c.IPPool == rebuiltOn {
			continue
		}
		kept := a.returns(c)
		if err := a.release(ctx, c); err != nil {
			return err
		}
		if kept {
			continue
		}
		if pool, registered := a.pools[c.IPPool]; registered {
			a.snapshot.MarkReleased(pool, c.Address, ledger.Owner{Cluster: a.cluster, Node: node}, vm)
		}
	}
	return nil
}

func (a *addresses) releaseAll(ctx context.Context, claims []model.Claim) error {
	for _, c := range claims {
		if err := a.release(ctx, c); err != nil {
			return err
		}
	}
	return nil
}
