package ledger

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// slots is how many children a record can have.
const slots = 256

// AddChild notes that child depends on the record parent. Adding it again
// changes nothing. Register does so for what belongs to a gateway.
func (l *Ledger) AddChild(ctx context.Context, parent uuid.UUID, child string) error {
	if child == "" || len(child) > maxBytes {
		return fmt.Errorf("%q cannot be noted as a child: 1 to %d bytes", child, maxBytes)
	}
	return l.occupy(ctx, parent, child, slots)
}

// occupy takes one of a parent's n places.
func (l *Ledger) occupy(ctx context.Context, parent uuid.UUID, child string, n int) error {
	start := int(offset(child) % uint64(n))
	for i := range n {
		suffix := childSuffix((start + i) % n)
		tag := Tag{ID: derive(parent, suffix), Name: parent.String() + suffix, Description: child}
		in, err := l.occupant(ctx, tag)
		if err != nil {
			return fmt.Errorf("note %q at record %s: %w", child, parent, err)
		}
		if in == child {
			return nil
		}
	}
	return fmt.Errorf("note %q at record %s: all %d places are taken", child, parent, n)
}

// occupant makes a tag, and answers the description of the one that is there in
// the end; nothing for a tag that may not be read.
func (l *Ledger) occupant(ctx context.Context, tag Tag) (string, error) {
	// Twice: what was in the way may be gone by the time it is read.
	for range 2 {
		err := l.store.Create(ctx, tag)
		if err == nil {
			return tag.Description, nil
		}
		if !errors.Is(err, ErrExists) {
			return "", err
		}
		there, err := l.store.Get(ctx, tag.ID)
		if err == nil {
			return there.Description, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return "", err
		}
	}
	return "", nil
}

// RemoveChild takes the note back; one that is gone is success. It reads all
// children, since places before the child's may have become free after it was
// added.
func (l *Ledger) RemoveChild(ctx context.Context, parent uuid.UUID, child string) error {
	there, err := l.listed(ctx)
	if err != nil {
		return err
	}
	return l.vacate(ctx, parent, child, slots, there, false)
}

// vacate gives a child's place back, and should it have several, all: one may
// have become free before that of a child that is then noted again. once stops
// at the first, which is found with few calls.
func (l *Ledger) vacate(ctx context.Context, parent uuid.UUID, child string, n int, there idSet, once bool) error {
	start := int(offset(child) % uint64(n))
	for i := range n {
		id := derive(parent, childSuffix((start+i)%n))
		if !there.has(id) {
			continue
		}
		tag, err := l.store.Get(ctx, id)
		if errors.Is(err, ErrNotFound) || err == nil && tag.Description != child {
			continue
		}
		if err == nil {
			err = l.store.Delete(ctx, id)
		}
		if err != nil {
			return fmt.Errorf("remove %q from record %s: %w", child, parent, err)
		}
		if once {
			return nil
		}
	}
	return nil
}

// Children lists what depends on a record, sorted: one list call, and one for
// each child. What a killed run noted at a gateway and never made is left out.
func (l *Ledger) Children(ctx context.Context, parent uuid.UUID) ([]string, error) {
	there, err := l.listed(ctx)
	if err != nil {
		return nil, err
	}
	return l.childrenIn(ctx, parent, there)
}

func (l *Ledger) childrenIn(ctx context.Context, parent uuid.UUID, there idSet) ([]string, error) {
	children, err := l.occupants(ctx, parent, slots, there)
	if err != nil {
		return nil, fmt.Errorf("read the children of record %s: %w", parent, err)
	}
	return l.withoutGhosts(ctx, parent, children, there)
}

// occupants reads who has a parent's n places, sorted.
func (l *Ledger) occupants(ctx context.Context, parent uuid.UUID, n int, there idSet) ([]string, error) {
	in := make([]string, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepers)
	for slot := range n {
		id := derive(parent, childSuffix(slot))
		if !there.has(id) {
			continue
		}
		group.Go(func() error {
			tag, err := l.store.Get(ctx, id)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			in[slot] = tag.Description
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	children := slices.DeleteFunc(in, func(child string) bool { return child == "" })
	slices.Sort(children)
	return slices.Compact(children), nil
}

// offset spreads names evenly.
func offset(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
