package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

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

// RemoveChild deletes the note; one that is gone is success. It reads all
// children, since slots before the child's may have become free after it was
// added.
func (l *Ledger) RemoveChild(ctx context.Context, parent uuid.UUID, child record.Ref) error {
	listed, err := l.list(ctx)
	if err != nil {
		return err
	}
	return l.freeSlots(ctx, parent, child.String(), childSlots, listed, false)
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

// freeSlots deletes a note, and should it be in several slots, all: one may have
// become free before that of a note that is then written again. once stops at
// the first, which is found with few calls.
func (l *Ledger) freeSlots(ctx context.Context, parent uuid.UUID, note string, n int, listed idSet, once bool) error {
	start := int(offset(note) % uint64(n))
	for i := range n {
		id := derive(parent, childSuffix((start+i)%n))
		if !listed.has(id) {
			continue
		}
		tag, err := l.store.Get(ctx, id)
		if errors.Is(err, ErrNotFound) || err == nil && tag.Description != note {
			continue
		}
		if err == nil {
			err = l.store.Delete(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("remove %q from record %s: %w", note, parent, err)
		}
		if once {
			return nil
		}
	}
	return nil
}

// readSlots returns the notes in a parent's n slots, each once.
func (l *Ledger) readSlots(ctx context.Context, parent uuid.UUID, n int, listed idSet) ([]string, error) {
	notes := make([]string, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelReads)
	for slot := range n {
		id := derive(parent, childSuffix(slot))
		if !listed.has(id) {
			continue
		}
		group.Go(func() error {
			tag, err := l.store.Get(ctx, id)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			notes[slot] = tag.Description
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	notes = slices.DeleteFunc(notes, func(note string) bool { return note == "" })
	slices.Sort(notes)
	return slices.Compact(notes), nil
}

// offset spreads names evenly.
func offset(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
