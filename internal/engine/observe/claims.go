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
	snapshot, err := o.Ledger.Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("list the claims: %w", err)
	}
	w.Snapshot = snapshot
	marked := w.markedClaims(survey.Held)
	snapshot.Avoid(survey.Reported)

	for id, claimable := range w.IPPools {
		pool := count(w.Limits.IPPools[id], claimable, snapshot, survey.Reported)
		if claimable.SingleCluster {
			if pool.ReservedBy, err = o.Ledger.ReservedBy(ctx, id); err != nil {
				return fmt.Errorf("read which cluster has IP pool %q to itself: %w", pool.Record.Name, err)
			}
		}
		known := func(addr netip.Addr) bool { return marked[address{id, addr}] }
		if err := o.discount(ctx, &pool, claimable, w, req.gone, survey.Held, known); err != nil {
			return err
		}
		w.Limits.IPPools[id] = pool
		if w.ID == uuid.Nil {
			continue
		}
		owned, err := o.Ledger.OwnedBy(ctx, claimable, snapshot, w.ID, known)
		if err != nil {
			return fmt.Errorf("read the claims of IP pool %q: %w", pool.Record.Name, err)
		}
		for addr, owner := range owned {
			w.Facts.Claims = append(w.Facts.Claims, model.Claim{IPPool: id, Address: addr, Owner: owner.Node})
		}
	}
	slices.SortFunc(w.Facts.Claims, compareClaims)
	slices.SortFunc(w.Facts.Unclaimed, compareClaims)
	return nil
}

// discount leaves out of a pool's usage what holds addresses of it and does not count.
func (o Observer) discount(
	ctx context.Context, pool *model.IPPool, claimable ledger.IPPool, w *World, gone []uuid.UUID,
	held []model.Holding, known func(netip.Addr) bool,
) error {
	for _, id := range gone {
		if pool.ReservedBy == id {
			pool.ReservedBy = uuid.Nil
		}
		freed := map[netip.Addr]bool{} // several VMs carry the address of the VIP
		for _, h := range held {
			if h.Cluster == id && h.IPPool == pool.ID && w.Snapshot.Has(pool.ID, h.Address) {
				freed[h.Address] = true
			}
		}
		owned, err := o.Ledger.OwnedBy(ctx, claimable, w.Snapshot, id, known)
		if err != nil {
			return fmt.Errorf("read the claims of IP pool %q: %w", pool.Record.Name, err)
		}
		pool.Taken -= len(freed) + len(owned)
	}
	return nil
}

// heldByOthers are the addresses that VMs hold but for those of VMs that do not count.
func heldByOthers(held []model.Holding, gone []uuid.UUID) []model.Holding {
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
	for _, h := range held {
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
