package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/uuid"
)

// Unregister deletes a record with everything that hangs on it; a record that
// is gone is success, and what a killed run left of it is cleaned up. A record
// with children and a pool with claims are refused with an *InUseError. Its
// lock tags go too, except those that are held: the lease's release takes them.
func (l *Ledger) Unregister(ctx context.Context, id uuid.UUID) error {
	if err := l.unregister(ctx, id); err != nil {
		return fmt.Errorf("unregister %s: %w", id, err)
	}
	return nil
}

func (l *Ledger) unregister(ctx context.Context, id uuid.UUID) error {
	there, err := l.listed(ctx)
	if err != nil {
		return err
	}
	children, err := l.childrenIn(ctx, id, there)
	if err != nil {
		return err
	}
	if len(children) > 0 {
		return &InUseError{ID: id, Children: children}
	}
	r, err := l.forLast(ctx, id, there)
	if err != nil {
		return err
	}
	// What only the body tells goes before the head, and what is found without
	// it after: a head without its chunks could not be read.
	remove, err := l.poolTags(id, r, there)
	if err != nil {
		return err
	}
	// Of the children there are only notes of what a killed run never made.
	for slot := range slots {
		if ghost := derive(id, childSuffix(slot)); there.has(ghost) {
			remove = append(remove, ghost)
		}
	}
	remove = append(append(remove, id), chunkTags(id, there)...)
	for _, tag := range remove {
		if err := l.store.Delete(ctx, tag); err != nil {
			return err
		}
	}
	if err := l.unlink(ctx, id, r, there); err != nil {
		return err
	}
	return l.dropFreeLocks(ctx, id, there)
}

// forLast reads a record that is to go. Of one that is gone already it answers
// what can still be done: a pool's place among the pools is found by its id.
// A body that cannot be read keeps nobody from deleting the record.
func (l *Ledger) forLast(ctx context.Context, id uuid.UUID, there idSet) (Record, error) {
	if !there.has(id) {
		return Record{Kind: KindPool}, nil
	}
	tag, err := l.store.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return Record{Kind: KindPool}, nil
	}
	if err != nil {
		return Record{}, err
	}
	r, renamed := recordOf(tag.Name)
	if renamed != nil {
		r.Kind = KindPool // as of one that is gone
	} else if r.Kind == KindPool {
		r.Body, err = l.readBody(ctx, id, tag.Description)
		if err != nil && !errors.Is(err, errTorn) {
			return Record{}, err
		}
	}
	return r, nil
}

// poolTags are the tags of a pool that go before its record: its reservation
// and those of the addresses that rest. A pool with claims is in use.
func (l *Ledger) poolTags(id uuid.UUID, r Record, there idSet) ([]uuid.UUID, error) {
	var remove []uuid.UUID
	if reservation := derive(id, reservationSuffix); there.has(reservation) {
		remove = append(remove, reservation)
	}
	pool, ok := poolIn(id, r.Body)
	if !ok {
		return remove, nil
	}
	var held []string
	for addr := range pool.Pool.Addresses() {
		if there.has(claimID(id, addr)) {
			held = append(held, "the claim of "+addr.String())
		}
		if rest := restID(id, addr); there.has(rest) {
			remove = append(remove, rest)
		}
	}
	if len(held) > 0 {
		return nil, &InUseError{ID: id, Children: held}
	}
	return remove, nil
}

// poolIn reads a pool's body; false for what is none.
func poolIn(id uuid.UUID, body []byte) (Pool, bool) {
	var b PoolBody
	if json.Unmarshal(body, &b) != nil {
		return Pool{}, false
	}
	pool, err := b.Pool(id)
	return pool, err == nil
}

func chunkTags(id uuid.UUID, there idSet) []uuid.UUID {
	var chunks []uuid.UUID
	for generation := 1; generation <= generations; generation++ {
		// All of them are looked for: the first may have been deleted by hand.
		for part := maxParts - 1; part >= 0; part-- {
			if chunk := derive(id, chunkSuffix(generation, part)); there.has(chunk) {
				chunks = append(chunks, chunk)
			}
		}
	}
	return chunks
}

// poolChanges sees to what a pool's new body means for its other tags, before
// it is written: nobody would find the rest tags of addresses that it has lost.
// A place among the pools that somebody deleted is taken again.
func (l *Ledger) poolChanges(ctx context.Context, id uuid.UUID, r Record, description string, body []byte) error {
	if err := l.link(ctx, id, r); err != nil {
		return err
	}
	was, err := l.readBody(ctx, id, description)
	if errors.Is(err, errTorn) {
		return nil
	}
	if err != nil {
		return err
	}
	old, ok := poolIn(id, was)
	next, ok2 := poolIn(id, body)
	if !ok || !ok2 || next.Contains(old.Start) && next.Contains(old.End) {
		return nil
	}
	there, err := l.listed(ctx)
	if err != nil {
		return err
	}
	lost := func(addr netip.Addr) bool { return !next.Contains(addr) && there.has(restID(id, addr)) }
	for addr := range old.Pool.Addresses() {
		if !lost(addr) {
			continue
		}
		if err := l.store.Delete(ctx, restID(id, addr)); err != nil {
			return err
		}
	}
	return nil
}
