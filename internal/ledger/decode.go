package ledger

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// decode reads a tag's name. It relies on a name only where the id is the one
// that is derived from it.
func (l *Ledger) decode(tag Tag) Entry {
	e := Entry{ID: tag.ID, Name: tag.Name, Description: tag.Description, Kind: EntryStray}
	base, suffix, ok := cutBase(tag.Name)
	if !ok {
		if ref, ok := l.refOf(tag); ok {
			e.Kind = EntryRecord
			e.Record = &Record{Ref: ref}
		}
		return e
	}

	derived := suffix
	if strings.HasPrefix(suffix, "#") {
		derived, _, _ = strings.Cut(suffix, " ") // the nonce comes after it
	}
	if derive(base, derived) == tag.ID {
		l.decodeSuffix(&e, base, suffix)
	}
	return e
}

// decodeSuffix reads what comes after a record's id in a tag's name.
func (l *Ledger) decodeSuffix(e *Entry, base uuid.UUID, suffix string) {
	switch {
	case suffix == reservationSuffix:
		note := parseReservation(e.Description)
		e.Kind = EntryReservation
		e.IPPool = base
		e.Owner = Owner{Cluster: note.Cluster}
		e.Since = parseTime(note.Since)
	case suffix[0] == '/':
		e.decodeAddress(base, suffix[1:])
	case suffix[0] == '@' && base == l.ipPoolIndex():
		e.decodeIndex(suffix)
	case suffix[0] == '@':
		e.decodeChild(base, suffix)
	case suffix[0] == '#':
		e.decodeLock(base, suffix[1:])
	case suffix[0] == '+':
		e.decodeChunk(base, suffix)
	}
}

func (e *Entry) decodeAddress(pool uuid.UUID, text string) {
	text, coolsDown := strings.CutSuffix(text, cooldownMark)
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.String() != text || addr.Zone() != "" || addr.Is4In6() {
		return
	}
	e.IPPool = pool
	e.Address = addr
	if coolsDown {
		note := parseCooldown(e.Description)
		e.Kind = EntryCooldown
		e.Owner = Owner{Cluster: note.Cluster}
		e.Since = parseTime(note.Released)
		return
	}
	note := parseClaim(e.Description)
	e.Kind = EntryClaim
	e.Owner = note.owner()
	e.Since = parseTime(note.Since)
}

func (e *Entry) decodeIndex(suffix string) {
	if !isChildSuffix(suffix) {
		return
	}
	e.Kind = EntryIndex
	e.IPPool, _ = uuid.Parse(e.Description)
}

func (e *Entry) decodeChild(parent uuid.UUID, suffix string) {
	if !isChildSuffix(suffix) {
		return
	}
	e.Kind = EntryChild
	e.Parent = parent
	e.Child = parseChild(e.Description)
}

func isChildSuffix(suffix string) bool {
	slot, err := strconv.Atoi(suffix[1:])
	return err == nil && slot >= 0 && suffix == childSuffix(slot)
}

func (e *Entry) decodeLock(record uuid.UUID, text string) {
	number, _, ok := strings.Cut(text, " ")
	epoch, err := strconv.Atoi(number)
	if !ok || err != nil || epoch < 1 {
		return
	}
	view := viewLock(epoch, Tag{Description: e.Description})
	e.Kind = EntryLock
	e.Parent = record
	e.Since = parseTime(view.note.Since)
	e.Held = view.note.State == stateHeld
	e.Heartbeat = parseTime(view.note.Heartbeat)
}

func (e *Entry) decodeChunk(record uuid.UUID, suffix string) {
	var generation, part int
	n, err := fmt.Sscanf(suffix, "+%d.%d", &generation, &part)
	if err != nil || n != 2 || generation < 1 || part < 0 || suffix != chunkSuffix(generation, part) {
		return
	}
	e.Kind = EntryChunk
	e.Parent = record
}

// cutBase splits a tag's name after the record's id that it begins with.
func cutBase(name string) (base uuid.UUID, suffix string, ok bool) {
	const length = 36
	if len(name) <= length {
		return uuid.Nil, "", false
	}
	base, err := uuid.Parse(name[:length])
	if err != nil || base.String() != name[:length] {
		return uuid.Nil, "", false
	}
	return base, name[length:], true
}
