package observe

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// address is an address of an IP pool.
type address struct {
	pool uuid.UUID
	addr netip.Addr
}

// readClaims finds every address that the cluster holds: by the markers of VMs,
// which the survey has read already, and by the descriptions of those few claims
// that no VM accounts for. What a VM lives on is never handed out, claimed or not.
func (o Observer) readClaims(ctx context.Context, w *World, req request, survey *model.Survey) error {
	snapshot := o.Listed
	if snapshot == nil {
		var err error
		if snapshot, err = o.Ledger.Snapshot(ctx); err != nil {
			return fmt.Errorf("list the claims: %w", err)
		}
	}
	w.Snapshot = snapshot
	marked := w.markedClaims(survey.Held)
	w.recordedRanges(marked)
	snapshot.Avoid(survey.Reported)

	for id, registered := range w.IPPools {
		known := func(addr netip.Addr) bool { return marked[address{id, addr}] }
		if w.ID == uuid.Nil {
			continue
		}
		owned, err := o.Ledger.OwnedBy(ctx, registered, snapshot, w.ID, known)
		if err != nil {
			return fmt.Errorf("read the claims of IP pool %q: %w", registered.Name, err)
		}
		for addr, owner := range owned {
			w.Facts.Claims = append(w.Facts.Claims, model.Claim{IPPool: id, Address: addr, Owner: owner.Node})
		}
	}
	slices.SortFunc(w.Facts.Claims, compareClaims)
	slices.SortFunc(w.Facts.Unclaimed, compareClaims)
	return o.readUsage(ctx, w, req, survey, marked)
}

// readUsage counts what is left of the pools: of those that the run writes, as they
// will be. The facts do not depend on it.
func (o Observer) readUsage(ctx context.Context, w *World, req request, survey *model.Survey, marked map[address]bool) error {
	for id, pool := range w.Limits.IPPools {
		claimable := w.IPPools[id]
		if o.Planned != nil {
			pool, claimable = asPlanned(pool, claimable, o.Planned(id))
		}
		if pool.Registered {
			pool = count(pool, claimable, w.Snapshot, survey.Reported)
			if err := o.readReservation(ctx, &pool, claimable); err != nil {
				return err
			}
			known := func(addr netip.Addr) bool { return marked[address{id, addr}] }
			former, err := o.discount(ctx, &pool, claimable, w, req.gone, survey.Held, known)
			if err != nil {
				return err
			}
			pool.TakenOfRanges = w.takenOfRanges(id, req.ranges, former)
		}
		w.Limits.IPPools[id] = pool
	}
	return nil
}

func (o Observer) readReservation(ctx context.Context, pool *model.IPPool, claimable ledger.IPPool) (err error) {
	if !claimable.SingleCluster {
		return nil
	}
	if pool.ReservedBy, err = o.Ledger.ReservedBy(ctx, pool.ID); err != nil {
		return fmt.Errorf("read which cluster has IP pool %q to itself: %w", pool.Record.Name, err)
	}
	return nil
}

// asPlanned is a pool as the run has it when it builds clusters. One whose plan makes no
// sense is refused by its own resource.
func asPlanned(pool model.IPPool, registered ledger.IPPool, planned model.PlannedIPPool) (model.IPPool, ledger.IPPool) {
	pool.Planned = planned
	switch planned.Fate {
	case model.IPPoolWritten:
		claimable, err := ledger.NewIPPool(pool.ID, planned.Record)
		if err != nil {
			return pool, registered
		}
		pool.Registered = true
		pool.Damage = nil
		pool.Record = planned.Record
		pool.GatewayID = planned.GatewayID
		pool.Addresses = claimable.Pool
		return pool, claimable
	case model.IPPoolUnknown, model.IPPoolDeleted:
		pool.Registered = false
	default:
		pool.Planned.Recent = planned.Since > 0 && pool.Record.Written >= planned.Since
	}
	return pool, registered
}

// discount leaves out of a pool's usage what holds addresses of it and does not count, and
// returns these addresses.
func (o Observer) discount(
	ctx context.Context, pool *model.IPPool, claimable ledger.IPPool, w *World, gone []uuid.UUID,
	held []model.Holding, known func(netip.Addr) bool,
) (map[netip.Addr]bool, error) {
	former := map[netip.Addr]bool{} // several VMs carry the address of the VIP
	for _, id := range gone {
		if pool.ReservedBy == id {
			pool.ReservedBy = uuid.Nil
		}
		for _, h := range held {
			if h.Cluster == id && h.IPPool == pool.ID && w.Snapshot.Has(pool.ID, h.Address) {
				former[h.Address] = true
			}
		}
		owned, err := o.Ledger.OwnedBy(ctx, claimable, w.Snapshot, id, known)
		if err != nil {
			return nil, fmt.Errorf("read the claims of IP pool %q: %w", pool.Record.Name, err)
		}
		for addr := range owned {
			former[addr] = true
		}
	}
	pool.Former = len(former)
	pool.Taken -= pool.Former
	return former, nil
}

// heldByOthers are the addresses that VMs hold but for those of VMs that do not count.
func heldByOthers(held []model.Holding, gone []uuid.UUID) []model.Holding {
	held = withoutLent(held)
	if len(gone) == 0 {
		return held // shared with other resources
	}
	return slices.DeleteFunc(slices.Clone(held), func(h model.Holding) bool { return slices.Contains(gone, h.Cluster) })
}

// markedClaims takes over the cluster's claims that markers account for, and
// returns the addresses that any marker does. Of a pool whose record was deleted or
// edited the claims stand.
func (w *World) markedClaims(held []model.Holding) map[address]bool {
	marked := map[address]bool{}
	extra := w.knownExtra()
	for _, h := range withoutLent(held) {
		if h.Cluster == w.ID && h.Node == model.OwnerExtra && h.Address != extra {
			continue
		}
		if _, read := w.Limits.IPPools[h.IPPool]; !read || marked[address{h.IPPool, h.Address}] {
			continue
		}
		marked[address{h.IPPool, h.Address}] = true
		if h.Cluster != w.ID || w.ID == uuid.Nil {
			continue
		}
		claim := model.Claim{IPPool: h.IPPool, Address: h.Address, Owner: h.Node}
		if w.Snapshot.Has(h.IPPool, h.Address) {
			w.Facts.Claims = append(w.Facts.Claims, claim)
		} else {
			w.Facts.Unclaimed = append(w.Facts.Unclaimed, claim)
		}
	}
	return marked
}

func compareClaims(a, b model.Claim) int {
	return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.IPPool.String(), b.IPPool.String()), cmp.Compare(a.Owner, b.Owner))
}
