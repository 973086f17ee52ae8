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
	Cluster string `json:"cluster"`
	Node    string `json:"node"`
	// Since is for people and decides nothing.
	Since string `json:"since"`
}

func (n claimNote) owner() Owner { return Owner{Cluster: n.Cluster, Node: n.Node} }

// readClaim reads a claim's description. What it cannot read belongs to
// somebody unknown, never to nobody.
func readClaim(description string) claimNote {
	var n claimNote
	if json.Unmarshal([]byte(description), &n) != nil {
		return claimNote{}
	}
	return n
}

func (l *Ledger) claimTag(pool uuid.UUID, addr netip.Addr, owner Owner) (Tag, error) {
	if owner.Cluster == "" || owner.Node == "" {
		return Tag{}, errors.New("a claim needs a cluster and a node")
	}
	description, err := encode(&claimNote{Cluster: owner.Cluster, Node: owner.Node, Since: l.sinceNow()}, nil)
	if err != nil {
		return Tag{}, err
	}
	suffix := claimSuffix(addr.String())
	return Tag{ID: derive(pool, suffix), Name: pool.String() + suffix, Description: description}, nil
}

// Claim takes a free address of a pool for an owner: one create call, as long
// as nobody else is about to take the same one. An owner of whose claim the
// snapshot knows gets the same address again. Addresses of one cluster follow
// each other, and clusters begin at different places, so that they rarely meet;
// one that meets another goes on elsewhere.
//
// Errors: *ExhaustedError, *ReservedError, *CapError. After any other error the
// address may be claimed; claim again with the same snapshot, or sweep.
func (l *Ledger) Claim(ctx context.Context, pool Pool, owner Owner, snap *Snapshot) (netip.Addr, error) {
	addr, err := l.claim(ctx, pool, owner, snap)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("claim an address of IP pool %q for %s: %w", pool.Name, owner.Node, err)
	}
	return addr, nil
}

func (l *Ledger) claim(ctx context.Context, pool Pool, owner Owner, snap *Snapshot) (netip.Addr, error) {
	if err := l.reserve(ctx, pool, owner.Cluster, snap); err != nil {
		return netip.Addr{}, err
	}
	if addr, ok := snap.remembered(pool.ID, owner); ok {
		mine, err := l.reclaim(ctx, pool, addr, owner, snap)
		if err != nil || mine {
			return addr, err
		}
	}
	if err := l.underCap(ctx, pool, snap); err != nil {
		return netip.Addr{}, err
	}
	if elapsed(l.Clock.Now(), snap.seen()) > maxAge {
		if err := snap.refresh(ctx, l); err != nil {
			return netip.Addr{}, err
		}
	}
	for fresh := false; ; {
		addr, ok := snap.pick(pool, owner.Cluster)
		if !ok {
			var err error
			if addr, ok, err = l.rested(ctx, pool, owner.Cluster, snap); err != nil {
				return netip.Addr{}, err
			}
		}
		if ok {
			mine, err := l.take(ctx, pool, addr, owner, snap)
			if mine {
				l.tidy(ctx, pool, snap)
			}
			if err != nil || mine {
				return addr, err
			}
			snap.jump(pool, owner.Cluster)
			continue
		}
		if fresh {
			return netip.Addr{}, snap.exhausted(pool)
		}
		// Others may have released addresses since the snapshot.
		if err := snap.refresh(ctx, l); err != nil {
			return netip.Addr{}, err
		}
		fresh = true
	}
}

// reclaim goes back to an address that the owner may have already.
func (l *Ledger) reclaim(ctx context.Context, pool Pool, addr netip.Addr, owner Owner, snap *Snapshot) (bool, error) {
	if pool.Issuable(addr) {
		mine, err := l.take(ctx, pool, addr, owner, snap)
		if err == nil && !mine {
			snap.forget(pool.ID, owner)
		}
		return mine, err
	}
	// Excluded since: what is claimed stays, but it is not issued anew.
	note, err := l.note(ctx, pool.ID, addr)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	if err == nil && note.owner() == owner {
		return true, nil
	}
	snap.forget(pool.ID, owner)
	return false, nil
}

// take tries one address, and tells the snapshot how it ended. What is left of
// the address's rest goes once the claim stands.
func (l *Ledger) take(ctx context.Context, pool Pool, addr netip.Addr, owner Owner, snap *Snapshot) (bool, error) {
	tag, err := l.claimTag(pool.ID, addr, owner)
	if err != nil {
		snap.settle(pool.ID, addr, false, Owner{})
		return false, err
	}
	asked := l.Clock.Now()
	description, err := l.occupant(ctx, tag)
	if err != nil {
		snap.settle(pool.ID, addr, false, Owner{})
		snap.doubt(pool.ID, addr, owner)
		return false, err
	}
	holder := readClaim(description).owner()
	snap.settle(pool.ID, addr, true, holder)
	if holder != owner {
		return false, nil
	}
	if snap.rests(pool, addr) {
		l.endRest(ctx, pool, addr, asked, snap)
	}
	return true, nil
}

// underCap refuses a claim when the ledger is full. It looks again before it
// does, since others may have released.
func (l *Ledger) underCap(ctx context.Context, pool Pool, snap *Snapshot) error {
	if snap.Live() < l.MaxClaims {
		return nil
	}
	if err := snap.refresh(ctx, l); err != nil {
		return err
	}
	if snap.Live() >= l.MaxClaims {
		if err := l.sweep(ctx, pool, snap); err != nil {
			return err
		}
	}
	if live := snap.Live(); live >= l.MaxClaims {
		return &CapError{Live: live, Cap: l.MaxClaims}
	}
	return nil
}

// ClaimAddress takes one address of a pool for an owner; one that the owner has
// is success.
//
// Errors: *HeldError when another owner has it, ErrNotIssuable, *ReservedError.
func (l *Ledger) ClaimAddress(ctx context.Context, pool Pool, owner Owner, addr netip.Addr) error {
	if !pool.Issuable(addr) {
		return fmt.Errorf("claim %s of IP pool %q: %w", addr, pool.Name, ErrNotIssuable)
	}
	if err := l.reserve(ctx, pool, owner.Cluster, nil); err != nil {
		return err
	}
	tag, err := l.claimTag(pool.ID, addr, owner)
	if err != nil {
		return fmt.Errorf("claim %s of IP pool %q: %w", addr, pool.Name, err)
	}
	description, err := l.occupant(ctx, tag)
	if err != nil {
		return fmt.Errorf("claim %s of IP pool %q: %w", addr, pool.Name, err)
	}
	if note := readClaim(description); note.owner() != owner {
		return &HeldError{Pool: pool.Name, Address: addr, Owner: note.owner(), Since: moment(note.Since)}
	}
	return nil
}

func (l *Ledger) note(ctx context.Context, pool uuid.UUID, addr netip.Addr) (claimNote, error) {
	tag, err := l.store.Get(ctx, claimID(pool, addr))
	if err != nil {
		return claimNote{}, err
	}
	return readClaim(tag.Description), nil
}

// Holder tells who holds an address; ErrNotFound when it is free.
func (l *Ledger) Holder(ctx context.Context, pool uuid.UUID, addr netip.Addr) (Owner, error) {
	note, err := l.note(ctx, pool, addr)
	if err != nil {
		return Owner{}, fmt.Errorf("read the claim of %s: %w", addr, err)
	}
	return note.owner(), nil
}

// OwnedBy finds the addresses of a pool that a cluster holds, of those that
// known does not account for: one call for each. The snapshot learns what was
// read, so that claims of the same owners come back to their addresses.
func (l *Ledger) OwnedBy(ctx context.Context, pool Pool, snap *Snapshot, cluster string, known func(netip.Addr) bool) (map[netip.Addr]Owner, error) {
	var ask []netip.Addr
	for _, addr := range snap.Addresses(pool) {
		if !known(addr) {
			ask = append(ask, addr)
		}
	}
	notes, err := l.notes(ctx, pool, ask)
	if err != nil {
		return nil, err
	}
	owned := map[netip.Addr]Owner{}
	for i, addr := range ask {
		if notes[i] == nil || notes[i].owner() == (Owner{}) {
			continue
		}
		owner := notes[i].owner()
		snap.Learn(pool.ID, addr, owner)
		if owner.Cluster == cluster {
			owned[addr] = owner
		}
	}
	return owned, nil
}
