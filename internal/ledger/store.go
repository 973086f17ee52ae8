package ledger

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Tag is a tag of the category that the ledger lives in.
type Tag struct {
	ID          uuid.UUID
	Name        string // at most MaxName bytes; new in the category
	Description string // at most MaxDescription bytes, kept to the byte
}

// What vCenter stores of a tag.
const (
	MaxName        = 256
	MaxDescription = 255
)

// Store is the tagging service of one vCenter, as far as the ledger needs it.
// An implementation never repeats a call that may have been carried out.
// ledgertest.Run is the suite that each implementation passes.
type Store interface {
	// Create creates a tag if neither its id nor its name is taken, atomically.
	// Otherwise the error is ErrExists, also where the tag in the way may not be
	// read.
	Create(ctx context.Context, tag Tag) error
	// Get reads a tag; ErrNotFound where there is none, and ErrUnreadable where it may
	// not be read.
	Get(ctx context.Context, id uuid.UUID) (Tag, error)
	// Update replaces a description; ErrNotFound where there is no such tag.
	Update(ctx context.Context, id uuid.UUID, description string) error
	// Delete deletes a tag; one that is gone is success.
	Delete(ctx context.Context, id uuid.UUID) error
	// List returns the ids of all tags of the category that may be read.
	List(ctx context.Context) ([]uuid.UUID, error)
	// Now returns the time by vCenter's clock.
	Now(ctx context.Context) (time.Time, error)
}

// Clock is the local clock. Tests replace it.
type Clock interface {
	// Now returns the local time.
	Now() time.Time
	// Sleep waits; it ends early, with the context's error, when ctx does.
	Sleep(ctx context.Context, d time.Duration) error
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// elapsed returns how long ago then was, or more: Linux stops the monotonic clock
// while a machine is suspended, and the wall clock may be set back, so the
// larger of both counts.
func elapsed(now, then time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}
