package vsphere

import (
	"sync"
	"time"
)

// trial counts the sessions that were opened one after the other and refused before
// they served a call. A session that has ended is opened anew; one that vCenter
// refuses right after it was opened will not be accepted the next time either, and
// each login leaves another session open. The zero value is ready to use.
type trial struct {
	mu     sync.Mutex
	opened int // since the last call that was served
	last   time.Time
}

const (
	// maxUnserved is how many sessions in a row may be refused: one may have ended
	// unnoticed before its first call.
	maxUnserved = 2
	// trialPause is after how long an unused session may have ended by itself.
	trialPause = time.Minute
)

func (t *trial) open() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened++
	t.last = time.Now()
}

func (t *trial) served() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened = 0
}

// over reports whether another login would not help.
func (t *trial) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.opened >= maxUnserved && time.Since(t.last) < trialPause
}
