package ledger

import (
	"context"
	"sync"
	"time"
)

// hearsay is how long vCenter's clock is reckoned on from what it said last. A
// run that holds a lock hears it with each heartbeat.
const hearsay = time.Minute

// hearing is what vCenter's clock said last, and what the local one did before
// it was asked.
type hearing struct {
	mu          sync.Mutex
	here, there time.Time
}

// now asks vCenter for the time.
func (l *Ledger) now(ctx context.Context) (time.Time, error) {
	here := l.Clock.Now()
	there, err := l.store.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	l.heard.mu.Lock()
	defer l.heard.mu.Unlock()
	l.heard.here, l.heard.there = here, there
	return there, nil
}

// reckon is vCenter's time without a call, and how long ago it was last heard;
// false when it never was.
func (l *Ledger) reckon() (now time.Time, age time.Duration, ok bool) {
	l.heard.mu.Lock()
	defer l.heard.mu.Unlock()
	if l.heard.there.IsZero() {
		return time.Time{}, 0, false
	}
	age = elapsed(l.Clock.Now(), l.heard.here)
	return l.heard.there.Add(age), age, true
}

// about is vCenter's time to within a few seconds: without a call, if it was
// heard a moment ago.
func (l *Ledger) about(ctx context.Context) (time.Time, error) {
	if now, age, ok := l.reckon(); ok && age < hearsay {
		return now, nil
	}
	return l.now(ctx)
}

// sinceNow is the stamp of what happens now, for people: by vCenter's clock,
// where this run has heard it, and by the local one otherwise.
func (l *Ledger) sinceNow() string {
	if now, _, ok := l.reckon(); ok {
		return stamp(now)
	}
	return stamp(l.Clock.Now())
}
