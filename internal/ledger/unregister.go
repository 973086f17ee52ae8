package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Unregister deletes a record with everything that belongs to it; a record that
// is gone is success, and what a killed run left of it is cleaned up. A record
// with children and an IP pool with claims are refused with an *InUseError, one
// of a newer version with a *record.NewerError. Its lock tags go too, except
// those that are held: the lease's release deletes them.
func (l *Ledger) Unregister(ctx context.Context, id uuid.UUID) error {
	l.notePresence(id, presenceUnknown)
	l.noteWritten(id, nil)
	if err := l.unregister(ctx, id); err != nil {
		return fmt.Errorf("unregister %s: %w", id, err)
	}
	l.notePresence(id, absent)
	return nil
}

func (l *Ledger) unregister(ctx context.Context, id uuid.UUID) error {
	listed, err := l.list(ctx)
	if err != nil {
		return err
	}
	r, err := l.readForDeletion(ctx, id, listed)
	if err != nil {
		return err
	}
	children, err := l.childrenIn(ctx, id, listed)
	if err != nil {
		return err
	}
	if len(children) > 0 {
		return &InUseError{ID: id, Children: children}
	}

	// What is found by the body goes before the record's own tag, and what is
	// found without it after: without its chunks a body could not be read.
	obsolete, err := ipPoolTags(id, r, listed)
	if err != nil {
		return err
	}
	// What is left of the children are notes of what a killed run never made.
	for slot := range childSlots {
		if note := derive(id, childSuffix(slot)); listed.has(note) {
			obsolete = append(obsolete, note)
		}
	}
	obsolete = append(append(obsolete, id), chunkTags(id, listed)...)
	for _, tag := range obsolete {
		if err := l.store.Delete(ctx, tag); err != nil {
			return err
		}
	}
	if err := l.unlink(ctx, id, r.Ref, listed); err != nil {
		return err
	}
	return l.deleteFreeLocks(ctx, id, listed)
}

// readForDeletion reads a record that is to be deleted. One that is gone already
// counts as an IP pool, whose note in the index is found by its id. A body that
// cannot be read does not keep the record from being deleted.
func (l *Ledger) readForDeletion(ctx context.Context, id uuid.UUID, listed idSet) (Record, error) {
	gone := Record{Ref: record.Ref{Kind: record.KindIPPool}}
	if !listed.has(id) {
		return gone, nil
	}
	tag, err := l.store.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return gone, nil
	}
	if err != nil {
		return Record{}, err
	}
	if err := l.checkNewer(tag); err != nil {
		return Record{}, err
	}

	ref, err := record.ParseRef(tag.Name)
	switch {
	case err != nil: // renamed
		ref = gone.Ref
	case ref.Kind == record.KindIPPool:
		body, err := l.readBody(ctx, id, tag.Description)
		if err != nil && !errors.Is(err, errTorn) {
			return Record{}, err
		}
		return Record{Ref: ref, Body: body}, nil
	}
	return Record{Ref: ref}, nil
}

// ipPoolTags returns the tags of an IP pool that are deleted before its record:
// its reservation and its cool-downs. An IP pool with claims is in use.
func ipPoolTags(id uuid.UUID, r Record, listed idSet) ([]uuid.UUID, error) {
	var tags []uuid.UUID
	if reservation := derive(id, reservationSuffix); listed.has(reservation) {
		tags = append(tags, reservation)
	}
	pool, ok := parseIPPool(id, r.Body)
	if !ok {
		return tags, nil
	}

	var claimed []netip.Addr
	for addr := range pool.Pool.Addresses() {
		if listed.has(claimID(id, addr)) {
			claimed = append(claimed, addr)
		}
		if cooldown := cooldownID(id, addr); listed.has(cooldown) {
			tags = append(tags, cooldown)
		}
	}
	if len(claimed) > 0 {
		return nil, &InUseError{ID: id, Addresses: claimed}
	}
	return tags, nil
}

// parseIPPool reads an IP pool's body; false for anything else.
func parseIPPool(id uuid.UUID, raw []byte) (IPPool, bool) {
	var body record.IPPool
	if json.Unmarshal(raw, &body) != nil {
		return IPPool{}, false
	}
	pool, err := NewIPPool(id, body)
	return pool, err == nil
}

// chunkTags returns the chunks of a record, of all generations.
func chunkTags(id uuid.UUID, listed idSet) []uuid.UUID {
	var chunks []uuid.UUID
	for generation := 1; generation <= generations; generation++ {
		// All of them are looked for: the first may have been deleted by hand.
		for part := maxParts - 1; part >= 0; part-- {
			if chunk := derive(id, chunkSuffix(generation, part)); listed.has(chunk) {
				chunks = append(chunks, chunk)
			}
		}
	}
	return chunks
}

// prepareIPPoolUpdate adapts an IP pool's other tags to its new body, before that
// is written: the cool-downs of addresses that it loses could not be found
// afterwards. A note in the index that was deleted by hand is written again.
func (l *Ledger) prepareIPPoolUpdate(ctx context.Context, id uuid.UUID, ref record.Ref, description string, body []byte) error {
	if err := l.link(ctx, id, ref); err != nil {
		return err
	}
	before, err := l.readBody(ctx, id, description)
	if errors.Is(err, errTorn) {
		return nil
	}
	if err != nil {
		return err
	}
	old, ok := parseIPPool(id, before)
	next, ok2 := parseIPPool(id, body)
	if !ok || !ok2 || next.Contains(old.Start) && next.Contains(old.End) {
		return nil
	}

	listed, err := l.list(ctx)
	if err != nil {
		return err
	}
	for addr := range old.Pool.Addresses() {
		cooldown := cooldownID(id, addr)
		if next.Contains(addr) || !listed.has(cooldown) {
			continue
		}
		if err := l.store.Delete(ctx, cooldown); err != nil {
			return err
		}
	}
	return nil
}
