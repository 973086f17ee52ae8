package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/uuid"
)

// claimNote is the description of a claim.
type claimNote struct {
	Cluster uuid.UUID `json:"cluster"`
	Node    string    `json:"node"`
	// Since is for people and decides nothing.
	Since string `json:"since"`
}

// owner returns who holds the address.
func (n claimNote) owner() Owner { return Owner{Cluster: n.Cluster, Node: n.Node} }

// parseClaim reads a claim's description. One that cannot be read has the
// unknown owner: the address is taken.
func parseClaim(description string) claimNote {
	var note claimNote
	if json.Unmarshal([]byte(description), &note) != nil || !isCluster(note.Cluster) {
		return claimNote{Cluster: UnknownCluster}
	}
	return note
}

// claimTag returns the tag that claims an address for an owner.
func (l *Ledger) claimTag(pool uuid.UUID, addr netip.Addr, owner Owner) (Tag, error) {
	if !owner.Known() || owner.Node == "" {
		return Tag{}, errors.New("a claim needs a cluster and a node")
	}
	description, err := encode(&claimNote{Cluster: owner.Cluster, Node: owner.Node, Since: l.timestamp()}, nil)
	if err != nil {
		return Tag{}, err
	}
	suffix := claimSuffix(addr.String())
	return Tag{ID: derive(pool, suffix), Name: pool.String() + suffix, Description: description}, nil
}

// readClaim reads the claim of an address; ErrNotFound where it is free.
func (l *Ledger) readClaim(ctx context.Context, pool uuid.UUID, addr netip.Addr) (claimNote, error) {
	tag, err := l.store.Get(ctx, claimID(pool, addr))
	if err != nil {
		return claimNote{}, err
	}
	return parseClaim(tag.Description), nil
}

// Claim takes a free address of an IP pool for an owner: one create call, unless
// another run is about to take the same one. An owner whose claim the snapshot
// knows gets the same address again. Addresses of one cluster are consecutive,
// and clusters start at different places, so that they rarely compete; one that
// loses a race relocates.
//
// Errors: *ExhaustedError, *ReservedError, *CapError. After any other error the
// address may be claimed; claim again with the same snapshot, or find it by
// OwnedBy.
func (l *Ledger) Claim(ctx context.Context, pool IPPool, owner Owner, snap *Snapshot) (netip.Addr, error) {
	addr, err := l.claim(ctx, pool, owner, snap)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("claim an address of IP pool %q for %s: %w", pool.Name, owner.Node, err)
	}
	return addr, nil
}

func (l *Ledger) claim(ctx context.Context, pool IPPool, owner Owner, snap *Snapshot) (netip.Addr, error) {
	if err := l.reserve(ctx, pool, owner.Cluster, snap); err != nil {
		return netip.Addr{}, err
	}
	if addr, ok := snap.remembered(pool.ID, owner); ok {
		claimed, err := l.reclaim(ctx, pool, addr, owner, snap)
		if err != nil || claimed {
			return addr, err
		}
	}

	if err := l.checkCap(ctx, pool, snap, 1); err != nil {
		return netip.Addr{}, err
	}
	if elapsed(l.Clock.Now(), snap.listedAt()) > listMaxAge {
		if err := snap.refresh(ctx, l); err != nil {
			return netip.Addr{}, err
		}
	}
	return l.claimNext(ctx, pool, owner, snap)
}

// claimNext tries one address after the other.
func (l *Ledger) claimNext(ctx context.Context, pool IPPool, owner Owner, snap *Snapshot) (netip.Addr, error) {
	for refreshed := false; ; {
		addr, ok := snap.pick(pool, owner.Cluster)
		if !ok {
			var err error
			if addr, ok, err = l.pickCooledDown(ctx, pool, owner.Cluster, snap); err != nil {
				return netip.Addr{}, err
			}
		}

		if ok {
			claimed, err := l.tryClaim(ctx, pool, addr, owner, snap)
			if claimed {
				l.pruneSome(ctx, pool, snap)
			}
			if err != nil || claimed {
				return addr, err
			}
			snap.relocateStart(pool, owner.Cluster)
			continue
		}

		if refreshed {
			return netip.Addr{}, snap.exhausted(pool)
		}
		// Others may have released addresses since the snapshot.
		if err := snap.refresh(ctx, l); err != nil {
			return netip.Addr{}, err
		}
		refreshed = true
	}
}

// reclaim returns to an address that the owner may have already.
func (l *Ledger) reclaim(ctx context.Context, pool IPPool, addr netip.Addr, owner Owner, snap *Snapshot) (bool, error) {
	if pool.Issuable(addr) {
		claimed, err := l.tryClaim(ctx, pool, addr, owner, snap)
		if err == nil && !claimed {
			snap.forget(pool.ID, owner)
		}
		return claimed, err
	}

	// Excluded since: what is claimed stays, but it is not issued anew.
	claim, err := l.readClaim(ctx, pool.ID, addr)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if err == nil && claim.owner() == owner {
		return true, nil
	}
	snap.forget(pool.ID, owner)
	return false, nil
}

// tryClaim tries one address and records the outcome in the snapshot. What is
// left of the address's cool-down is deleted once the claim stands.
func (l *Ledger) tryClaim(ctx context.Context, pool IPPool, addr netip.Addr, owner Owner, snap *Snapshot) (bool, error) {
	claim, err := l.claimOrGet(ctx, pool, addr, owner, snap)
	return err == nil && claim.owner() == owner, err
}

// claimOrGet is tryClaim, and returns the claim that stands.
func (l *Ledger) claimOrGet(ctx context.Context, pool IPPool, addr netip.Addr, owner Owner, snap *Snapshot) (claimNote, error) {
	tag, err := l.claimTag(pool.ID, addr, owner)
	if err != nil {
		snap.settle(pool.ID, addr, false, Owner{})
		return claimNote{}, err
	}

	started := l.Clock.Now()
	description, err := l.createOrGet(ctx, tag)
	if err != nil {
		snap.settle(pool.ID, addr, false, Owner{})
		snap.markUncertain(pool.ID, addr, owner)
		return claimNote{}, err
	}

	claim := parseClaim(description)
	snap.settle(pool.ID, addr, true, claim.owner())
	if claim.owner() == owner && snap.coolsDown(pool, addr) {
		l.endCooldown(ctx, pool, addr, started, snap)
	}
	return claim, nil
}

// checkCap refuses to claim n addresses when the ledger is full. It lists again
// before it does, since others may have released addresses.
func (l *Ledger) checkCap(ctx context.Context, pool IPPool, snap *Snapshot, n int) error {
	if snap.Live()+n <= l.MaxClaims {
		return nil
	}
	if err := snap.refresh(ctx, l); err != nil {
		return err
	}
	if snap.Live()+n > l.MaxClaims {
		if err := l.pruneAll(ctx, pool, snap); err != nil {
			return err
		}
	}
	if live := snap.Live(); live+n > l.MaxClaims {
		return &CapError{Live: live, Cap: l.MaxClaims}
	}
	return nil
}

// ClaimAddress takes one address of an IP pool for an owner; one that the owner
// has already is success.
//
// Errors: *HeldError where another owner has it, ErrNotIssuable, *ReservedError.
func (l *Ledger) ClaimAddress(ctx context.Context, pool IPPool, owner Owner, addr netip.Addr) error {
	wrap := func(err error) error { return fmt.Errorf("claim %s of IP pool %q: %w", addr, pool.Name, err) }
	if !pool.Issuable(addr) {
		return wrap(ErrNotIssuable)
	}
	if err := l.reserve(ctx, pool, owner.Cluster, nil); err != nil {
		return err
	}

	tag, err := l.claimTag(pool.ID, addr, owner)
	if err != nil {
		return wrap(err)
	}
	description, err := l.createOrGet(ctx, tag)
	if err != nil {
		return wrap(err)
	}
	if claim := parseClaim(description); claim.owner() != owner {
		return &HeldError{IPPool: pool.label(), Address: addr, Owner: claim.owner(), Since: parseTime(claim.Since)}
	}
	return nil
}

// Holder returns who holds an address; ErrNotFound where it is free.
func (l *Ledger) Holder(ctx context.Context, pool uuid.UUID, addr netip.Addr) (Owner, error) {
	claim, err := l.readClaim(ctx, pool, addr)
	if err != nil {
		return Owner{}, fmt.Errorf("read the claim of %s: %w", addr, err)
	}
	return claim.owner(), nil
}
