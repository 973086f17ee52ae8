package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// EntryKind is what a tag of the ledger is.
type EntryKind string

// The kinds of entries.
const (
	EntryRecord      EntryKind = "record"
	EntryChunk       EntryKind = "chunk"
	EntryChild       EntryKind = "child"
	EntryClaim       EntryKind = "claim"
	EntryRest        EntryKind = "rest"
	EntryReservation EntryKind = "reservation"
	EntryLock        EntryKind = "lock"
	// EntryRoot is the ledger's own bookkeeping: a pool's place among all pools
	// of the vCenter.
	EntryRoot EntryKind = "root"
	// EntryStray is a tag of which the name does not say what the id does:
	// somebody made or renamed it by hand, or it is another vCenter's.
	EntryStray EntryKind = "stray"
)

// Entry is a tag of the ledger, decoded.
type Entry struct {
	ID          uuid.UUID
	Name        string
	Description string
	Kind        EntryKind

	// Record is set for a record; its body is nil when it cannot be read.
	Record *Record
	// Parent is the record that a chunk, child or lock belongs to.
	Parent uuid.UUID
	// Child is how a child is noted.
	Child string
	// Pool is the pool of a claim, rest, reservation or root.
	Pool uuid.UUID
	// Address is a claim's or a rest's.
	Address netip.Addr
	// Owner is a claim's; of a rest or a reservation it has the cluster. It is
	// zero when the description cannot be read.
	Owner Owner
	// Since is when the address was claimed or released, the pool reserved, the
	// lock taken; zero when that cannot be read.
	Since time.Time
	// Held tells that a lock was not released, and Heartbeat is when its holder
	// was last heard of, by vCenter's clock; zero when that cannot be read.
	Held      bool
	Heartbeat time.Time
}

// Entries are all tags of the ledger, sorted by name: one list call, and one
// for each tag.
func (l *Ledger) Entries(ctx context.Context) ([]Entry, error) {
	ids, err := l.store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the ledger's tags: %w", err)
	}
	tags := make([]*Tag, len(ids))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepers)
	for i, id := range ids {
		group.Go(func() error {
			tag, err := l.store.Get(gctx, id)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read the ledger's tags: %w", err)
			}
			tags[i] = &tag
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var entries []Entry
	for _, tag := range tags {
		if tag == nil {
			continue
		}
		e := l.decode(*tag)
		if e.Kind == EntryRecord {
			body, err := l.readBody(ctx, e.ID, e.Description)
			if err != nil && !errors.Is(err, errTorn) {
				return nil, fmt.Errorf("read %s: %w", e.Name, err)
			}
			e.Record.Body = body
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// decode reads a tag's name. It believes a name only where the id is the one
// that is derived from it.
func (l *Ledger) decode(tag Tag) Entry {
	e := Entry{ID: tag.ID, Name: tag.Name, Description: tag.Description, Kind: EntryStray}
	if base, suffix, ok := cutBase(tag.Name); ok {
		derived := suffix
		if strings.HasPrefix(suffix, "#") {
			derived, _, _ = strings.Cut(suffix, " ") // behind it comes the nonce
		}
		if derive(base, derived) == tag.ID {
			l.decodeSuffix(&e, base, suffix)
		}
		return e
	}
	if r, err := recordOf(tag.Name); err == nil && l.ID(r.Kind, r.GatewayID, r.Name) == tag.ID {
		e.Kind, e.Record = EntryRecord, &r
	}
	return e
}

// decodeSuffix reads what comes after a record's id in a tag's name.
func (l *Ledger) decodeSuffix(e *Entry, base uuid.UUID, suffix string) {
	mark, rest := suffix[0], suffix[1:]
	switch {
	case suffix == reservationSuffix:
		note := readReservation(e.Description)
		e.Kind, e.Pool, e.Owner, e.Since = EntryReservation, base, Owner{Cluster: note.Cluster}, moment(note.Since)
	case mark == '/':
		e.decodeAddress(base, rest)
	case mark == '@':
		if slot, err := strconv.Atoi(rest); err != nil || slot < 0 || suffix != childSuffix(slot) {
			return
		}
		e.Kind, e.Parent, e.Child = EntryChild, base, e.Description
		if base == l.poolRoot() {
			e.Kind, e.Child = EntryRoot, ""
			e.Pool, _ = uuid.Parse(e.Description)
		}
	case mark == '#':
		number, _, ok := strings.Cut(rest, " ")
		epoch, err := strconv.Atoi(number)
		if !ok || err != nil || epoch < 1 {
			return
		}
		view := viewLock(epoch, Tag{Description: e.Description})
		e.Kind, e.Parent, e.Since = EntryLock, base, moment(view.note.Since)
		e.Held, e.Heartbeat = view.note.State == stateHeld, moment(view.note.Heartbeat)
	case mark == '+':
		var generation, part int
		if n, err := fmt.Sscanf(suffix, "+%d.%d", &generation, &part); err != nil || n != 2 || generation < 1 || part < 0 || suffix != chunkSuffix(generation, part) {
			return
		}
		e.Kind, e.Parent = EntryChunk, base
	}
}

func (e *Entry) decodeAddress(pool uuid.UUID, text string) {
	text, rests := strings.CutSuffix(text, "!rest")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.String() != text || addr.Zone() != "" || addr.Is4In6() {
		return
	}
	e.Pool, e.Address = pool, addr
	if rests {
		note := readRest(e.Description)
		e.Kind, e.Owner, e.Since = EntryRest, Owner{Cluster: note.Cluster}, moment(note.Released)
		return
	}
	note := readClaim(e.Description)
	e.Kind, e.Owner, e.Since = EntryClaim, note.owner(), moment(note.Since)
}

// cutBase splits a tag's name behind the record's id that it begins with.
func cutBase(name string) (base uuid.UUID, suffix string, ok bool) {
	const length = 36
	if len(name) <= length {
		return uuid.UUID{}, "", false
	}
	base, err := uuid.Parse(name[:length])
	if err != nil || base.String() != name[:length] {
		return uuid.UUID{}, "", false
	}
	return base, name[length:], true
}
