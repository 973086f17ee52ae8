package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// childSlots is how many children a record can have.
const childSlots = 256

// AddChild notes that a record depends on the record parent. Adding it again
// changes nothing. Register does so for what belongs to a gateway.
func (l *Ledger) AddChild(ctx context.Context, parent uuid.UUID, child record.Ref) error {
	if err := child.Validate(); err != nil {
		return err
	}
	return l.takeSlot(ctx, parent, child.String(), childSlots)
}

// RemoveChild deletes the note; one that is gone is success. It takes one list call,
// two for the note, and one for each child of which this ledger has not read the note
// in the last minute: of many children that are removed one after the other, each is
// read once.
func (l *Ledger) RemoveChild(ctx context.Context, parent uuid.UUID, child record.Ref) error {
	listed, err := l.list(ctx)
	if err != nil {
		return err
	}
	return l.freeSlots(ctx, parent, child.String(), childSlots, listed)
}

// Children returns the records that depend on a record, sorted by their wire
// form: one list call, and one for each child. What a killed run noted at a
// gateway and never registered is left out. A note that cannot be read counts: it
// is a reference without a kind, whose name is what the note says.
func (l *Ledger) Children(ctx context.Context, parent uuid.UUID) ([]record.Ref, error) {
	listed, err := l.list(ctx)
	if err != nil {
		return nil, err
	}
	return l.childrenIn(ctx, parent, listed)
}

func (l *Ledger) childrenIn(ctx context.Context, parent uuid.UUID, listed idSet) ([]record.Ref, error) {
	notes, err := l.readSlots(ctx, parent, childSlots, listed)
	if err != nil {
		return nil, fmt.Errorf("read the children of record %s: %w", parent, err)
	}
	var children []record.Ref
	for _, note := range notes {
		child := parseChild(note)
		// Register notes what belongs to a gateway before it creates the record. A
		// child of another kind is added after that, and is believed.
		if child.GatewayID == parent && !listed.has(l.ID(child)) {
			continue
		}
		children = append(children, child)
	}
	slices.SortFunc(children, func(a, b record.Ref) int { return cmp.Compare(a.String(), b.String()) })
	return children, nil
}

// parseChild reads a child's note.
func parseChild(note string) record.Ref {
	child, err := record.ParseRef(note)
	if err != nil {
		return record.Ref{Name: note}
	}
	return child
}

// takeSlot writes a note into one of a parent's n slots.
func (l *Ledger) takeSlot(ctx context.Context, parent uuid.UUID, note string, n int) error {
	start := int(offset(note) % uint64(n))
	for i := range n {
		suffix := childSuffix((start + i) % n)
		tag := Tag{ID: derive(parent, suffix), Name: parent.String() + suffix, Description: note}
		there, err := l.createOrGet(ctx, tag)
		if err != nil {
			return fmt.Errorf("note %q at record %s: %w", note, parent, err)
		}
		if there == note {
			return nil
		}
	}
	return fmt.Errorf("note %q at record %s: all %d slots are taken", note, parent, n)
}

// noteMaxAge is how old what is known of the notes of other children may be.
const noteMaxAge = time.Minute

// freeSlots deletes a note, and should it be in several slots, all: slots before its
// own may have become free after it was added, and it was then added again. Which
// slots have it is what reads say that removals of other notes share; the slots are
// read again before they are freed, and all of them are where none has it.
func (l *Ledger) freeSlots(ctx context.Context, parent uuid.UUID, note string, n int, listed idSet) error {
	shared := recentStore{trackedStore: l.shared, maxAge: noteMaxAge}
	for _, store := range []Store{shared, l.store} {
		notes, err := readNotes(ctx, store, parent, n, listed)
		if err != nil {
			return fmt.Errorf("remove %q from record %s: %w", note, parent, err)
		}
		freed := false
		for slot := range n {
			if notes[slot] != note {
				continue
			}
			gone, err := l.freeSlot(ctx, parent, slot, note)
			if err != nil {
				return err
			}
			freed = freed || gone
		}
		if freed {
			return nil
		}
	}
	return nil
}

// freeFirstSlot deletes a note from the first slot that has it, which is found with
// few calls.
func (l *Ledger) freeFirstSlot(ctx context.Context, parent uuid.UUID, note string, n int, listed idSet) error {
	start := int(offset(note) % uint64(n))
	for i := range n {
		slot := (start + i) % n
		if !listed.has(derive(parent, childSuffix(slot))) {
			continue
		}
		if freed, err := l.freeSlot(ctx, parent, slot, note); freed || err != nil {
			return err
		}
	}
	return nil
}

// freeSlot deletes a note from a slot, and reports whether it was there.
func (l *Ledger) freeSlot(ctx context.Context, parent uuid.UUID, slot int, note string) (bool, error) {
	id := derive(parent, childSuffix(slot))
	tag, err := l.store.Get(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && tag.Description != note {
		return false, nil
	}
	if err == nil {
		err = l.store.Delete(ctx, id)
	}
	if err != nil {
		return false, fmt.Errorf("remove %q from record %s: %w", note, parent, err)
	}
	return true, nil
}

// readSlots returns the notes in a parent's n slots, each once.
func (l *Ledger) readSlots(ctx context.Context, parent uuid.UUID, n int, listed idSet) ([]string, error) {
	notes, err := readNotes(ctx, l.store, parent, n, listed)
	if err != nil {
		return nil, err
	}
	notes = slices.DeleteFunc(notes, func(note string) bool { return note == "" })
	slices.Sort(notes)
	return slices.Compact(notes), nil
}

// readNotes returns the notes in a parent's n slots by slot; empty where there is none.
func readNotes(ctx context.Context, store Store, parent uuid.UUID, n int, listed idSet) ([]string, error) {
	notes := make([]string, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelReads)
	for slot := range n {
		id := derive(parent, childSuffix(slot))
		if !listed.has(id) {
			continue
		}
		group.Go(func() error {
			tag, err := store.Get(ctx, id)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			notes[slot] = tag.Description
			return nil
		})
	}
	return notes, group.Wait()
}

// offset spreads names evenly.
func offset(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
