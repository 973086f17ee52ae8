package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// claimNote is the description of a claim.
type claimNote struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node"`
	// Since is for people; it is the claimer's clock and decides nothing.
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
	description, err := encode(&claimNote{Cluster: owner.Cluster, Node: owner.Node, Since: stamp(l.Clock.Now())}, nil)
	if err != nil {
		return Tag{}, err
	}
	suffix := claimSuffix(addr.String())
	return Tag{ID: derive(pool, suffix), Name: pool.String() + suffix, Description: description}, nil
}

// Claim takes a free address of a pool for an owner: one create call, as long
// as nobody else is about to take the same one. An owner of whose claim the
// snapshot knows gets the same address again. Addresses of one cluster follow
// each other, and clusters begin at different places, so that they rarely meet.
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
	if err := l.underCap(ctx, snap); err != nil {
		return netip.Addr{}, err
	}
	for fresh := false; ; {
		addr, ok := snap.pick(pool, offset(owner.Cluster))
		if ok {
			mine, err := l.take(ctx, pool.ID, addr, owner, snap)
			if err != nil || mine {
				return addr, err
			}
			continue
		}
		if fresh {
			return netip.Addr{}, &ExhaustedError{Pool: pool.Name, ID: pool.ID, Total: pool.Total(), Free: snap.Free(pool), Holders: snap.Holders(pool)}
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
		mine, err := l.take(ctx, pool.ID, addr, owner, snap)
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

// take tries one address, and tells the snapshot how it ended.
func (l *Ledger) take(ctx context.Context, pool uuid.UUID, addr netip.Addr, owner Owner, snap *Snapshot) (bool, error) {
	tag, err := l.claimTag(pool, addr, owner)
	if err != nil {
		snap.settle(pool, addr, false, Owner{})
		return false, err
	}
	description, err := l.occupant(ctx, tag)
	if err != nil {
		snap.settle(pool, addr, false, Owner{})
		snap.doubt(pool, addr, owner)
		return false, err
	}
	holder := readClaim(description).owner()
	snap.settle(pool, addr, true, holder)
	return holder == owner, nil
}

// underCap refuses a claim when the ledger is full. It looks again before it
// does, since others may have released.
func (l *Ledger) underCap(ctx context.Context, snap *Snapshot) error {
	if snap.Live() < l.MaxClaims {
		return nil
	}
	if err := snap.refresh(ctx, l); err != nil {
		return err
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

// releaseWindow is how old the proof of ownership may be when a claim is
// deleted. A delete carries no condition: a runner that was stopped between
// reading and deleting must not delete what somebody else has claimed since.
const releaseWindow = 10 * time.Second

// Release gives an address back. One that is free is success; one that another
// owner has is a *HeldError, and nothing is deleted. Prove first that nothing
// uses the address any more.
func (l *Ledger) Release(ctx context.Context, pool uuid.UUID, addr netip.Addr, owner Owner) error {
	wrap := func(err error) error { return fmt.Errorf("release address %s: %w", addr, err) }
	for range rereads {
		asked := l.Clock.Now()
		note, err := l.note(ctx, pool, addr)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return wrap(err)
		}
		if note.owner() != owner {
			return &HeldError{Pool: pool.String(), Address: addr, Owner: note.owner(), Since: moment(note.Since)}
		}
		if elapsed(l.Clock.Now(), asked) > releaseWindow {
			continue
		}
		if err := l.store.Delete(ctx, claimID(pool, addr)); err != nil {
			return wrap(err)
		}
		return nil
	}
	return wrap(fmt.Errorf("vCenter took longer than %s to answer, %d times", releaseWindow, rereads))
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

// sweepers bounds the calls that OwnedBy has under way.
const sweepers = 4

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
	notes := make([]claimNote, len(ask))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepers)
	for i, addr := range ask {
		group.Go(func() error {
			note, err := l.note(ctx, pool.ID, addr)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return fmt.Errorf("read the claim of %s: %w", addr, err)
			}
			notes[i] = note
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	owned := map[netip.Addr]Owner{}
	for i, addr := range ask {
		owner := notes[i].owner()
		if owner == (Owner{}) {
			continue
		}
		snap.Learn(pool.ID, addr, owner)
		if owner.Cluster == cluster {
			owned[addr] = owner
		}
	}
	return owned, nil
}
