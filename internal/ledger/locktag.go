package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"
)

// The states of a lock tag.
const (
	stateHeld = "held"
	stateFree = "free"
)

// lockNote is the description of a lock tag.
type lockNote struct {
	State     string `json:"state"`
	Holder    string `json:"holder"`
	Since     string `json:"since"`
	Heartbeat string `json:"heartbeat,omitempty"`
	// Deletes says that the holder deletes what the record is of.
	Deletes bool `json:"deletes,omitempty"`
	// Beats makes two heartbeats within a second differ.
	Beats int `json:"beats"`
}

// lockView is a lock tag as it was read.
type lockView struct {
	epoch int
	tag   Tag
	note  lockNote
}

func viewLock(epoch int, tag Tag) lockView {
	v := lockView{epoch: epoch, tag: tag}
	if json.Unmarshal([]byte(tag.Description), &v.note) != nil {
		// Unreadable: held by an unknown run, until it is seen not to change.
		v.note = lockNote{State: stateHeld}
	}
	return v
}

func (v lockView) error(record uuid.UUID) error { return v.locked(record) }

func (v lockView) locked(record uuid.UUID) *LockedError {
	return &LockedError{
		Record:    record,
		Holder:    v.note.Holder,
		Deletes:   v.note.Deletes,
		Since:     parseTime(v.note.Since),
		Heartbeat: parseTime(v.note.Heartbeat),
	}
}

func lockID(record uuid.UUID, epoch int) uuid.UUID { return derive(record, lockSuffix(epoch)) }

func lockName(record uuid.UUID, epoch int, nonce string) string {
	return record.String() + lockSuffix(epoch) + " " + nonce
}

// lockTag returns the tag of an epoch. The holder's name is shortened to fit.
func lockTag(record uuid.UUID, epoch int, nonce string, note *lockNote) (Tag, error) {
	description, err := encode(note, &note.Holder)
	return Tag{ID: lockID(record, epoch), Name: lockName(record, epoch, nonce), Description: description}, err
}

// hasNonce reports whether a lock tag is that of the holder with this nonce.
func hasNonce(tag Tag, nonce string) bool { return strings.HasSuffix(tag.Name, " "+nonce) }

// epochsIn returns the epochs of a record's lock tags in a list, in ascending
// order.
func epochsIn(record uuid.UUID, listed idSet) []int {
	var epochs []int
	for epoch := 1; epoch <= maxEpoch; epoch++ {
		if listed.has(lockID(record, epoch)) {
			epochs = append(epochs, epoch)
		}
	}
	return epochs
}

// deleteFreeLocks deletes the lock tags of a record that are not held.
func (l *Ledger) deleteFreeLocks(ctx context.Context, record uuid.UUID, listed idSet) error {
	for _, epoch := range epochsIn(record, listed) {
		tag, err := l.store.Get(ctx, lockID(record, epoch))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if viewLock(epoch, tag).note.State == stateHeld {
			return nil
		}
		if err := l.store.Delete(ctx, tag.ID); err != nil {
			return err
		}
	}
	return nil
}
