package ledger

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// clockMaxAge is how old a sample of vCenter's clock may be to be relied on. A
// run that holds a lock takes one with each heartbeat.
const clockMaxAge = time.Minute

// clockSample is the last reading of vCenter's clock, and the local time before
// it was requested.
type clockSample struct {
	mu      sync.Mutex
	local   time.Time
	vcenter time.Time
}

// Now reads vCenter's clock.
func (l *Ledger) Now(ctx context.Context) (time.Time, error) { return l.now(ctx) }

// now reads vCenter's clock.
func (l *Ledger) now(ctx context.Context) (time.Time, error) {
	local := l.Clock.Now()
	vcenter, err := l.store.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}

	l.vcenterClock.mu.Lock()
	defer l.vcenterClock.mu.Unlock()
	l.vcenterClock.local = local
	l.vcenterClock.vcenter = vcenter
	return vcenter, nil
}

// estimatedNow returns vCenter's time without a call, from the last sample, and
// that sample's age; false where there is none.
func (l *Ledger) estimatedNow() (now time.Time, age time.Duration, ok bool) {
	l.vcenterClock.mu.Lock()
	defer l.vcenterClock.mu.Unlock()
	if l.vcenterClock.vcenter.IsZero() {
		return time.Time{}, 0, false
	}
	age = elapsed(l.Clock.Now(), l.vcenterClock.local)
	return l.vcenterClock.vcenter.Add(age), age, true
}

// approximateNow returns vCenter's time to within a few seconds: without a call
// while the last sample is recent.
func (l *Ledger) approximateNow(ctx context.Context) (time.Time, error) {
	if now, age, ok := l.estimatedNow(); ok && age < clockMaxAge {
		return now, nil
	}
	return l.now(ctx)
}

// Until returns how long it is until a time by vCenter's clock, at least 0.
func (l *Ledger) Until(ctx context.Context, t time.Time) (time.Duration, error) {
	now, err := l.approximateNow(ctx)
	if err != nil {
		return 0, fmt.Errorf("read vCenter's clock: %w", err)
	}
	return max(0, t.Sub(now)), nil
}

// timestamp returns the current time for people to read: by vCenter's clock
// where this run has a sample of it, and by the local one otherwise.
func (l *Ledger) timestamp() string {
	if now, _, ok := l.estimatedNow(); ok {
		return formatTime(now)
	}
	return formatTime(l.Clock.Now())
}
