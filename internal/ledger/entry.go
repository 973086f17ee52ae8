package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// EntryKind is what a tag of the ledger is.
type EntryKind string

// The kinds of entries.
const (
	EntryRecord      EntryKind = "record"
	EntryChunk       EntryKind = "chunk"
	EntryChild       EntryKind = "child"
	EntryClaim       EntryKind = "claim"
	EntryCooldown    EntryKind = "cool-down"
	EntryReservation EntryKind = "reservation"
	EntryLock        EntryKind = "lock"
	// EntryIndex is the ledger's own: it lists an IP pool of the vCenter.
	EntryIndex EntryKind = "index"
	// EntryStray is a tag of which the name does not belong to the id: it was
	// created or renamed by hand, or it is another vCenter's.
	EntryStray EntryKind = "stray"
)

// Entry is a tag of the ledger, decoded.
type Entry struct {
	ID          uuid.UUID
	Name        string
	Description string
	Kind        EntryKind

	// Record is set for a record; its body is nil where it cannot be read.
	Record *Record
	// Parent is the record that a chunk, child or lock belongs to.
	Parent uuid.UUID
	// Child is the record that a child's note names, as Children returns it.
	Child record.Ref
	// IPPool is the IP pool of a claim, cool-down, reservation or index entry.
	IPPool uuid.UUID
	// Address is that of a claim or cool-down.
	Address netip.Addr
	// Owner is that of a claim; of a cool-down or reservation it has the cluster.
	// The cluster is UnknownCluster where the description cannot be read.
	Owner Owner
	// Since is when the address was claimed or released, the IP pool reserved, the
	// lock taken; zero where that cannot be read.
	Since time.Time
	// Held is set for a lock that was not released, and Heartbeat is its holder's
	// last one, by vCenter's clock; zero where that cannot be read.
	Held      bool
	Heartbeat time.Time
}

// Entries returns all tags of the ledger, sorted by name: one list call, and one
// for each tag.
func (l *Ledger) Entries(ctx context.Context) ([]Entry, error) {
	tags, err := l.readAll(ctx)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, tag := range tags {
		e := l.decode(tag)
		if e.Kind == EntryRecord {
			e.Record.Body, err = l.readBody(ctx, e.ID, e.Description)
			if err != nil && !errors.Is(err, errTorn) {
				return nil, fmt.Errorf("read %s: %w", e.Name, err)
			}
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// readAll returns all tags of the ledger.
func (l *Ledger) readAll(ctx context.Context) ([]Tag, error) {
	ids, err := l.store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the ledger's tags: %w", err)
	}
	tags := make([]Tag, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelReads)
	for i, id := range ids {
		group.Go(func() (err error) {
			tags[i], err = l.store.Get(ctx, id)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read the ledger's tags: %w", err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(tags, func(tag Tag) bool { return tag.Name == "" }), nil
}
