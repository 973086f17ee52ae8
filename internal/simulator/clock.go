package simulator

import (
	"sync"
	"time"
)

// clock is vCenter's: real time plus what tests moved it by.
type clock struct {
	mu     sync.Mutex
	offset time.Duration
	moved  chan struct{} // closed when the clock is moved; nil while nothing waits
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset).UTC()
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

// wait returns true once the clock shows end, on its own or because it was moved,
// and false when stop is closed before.
func (c *clock) wait(end time.Time, stop <-chan struct{}) bool {
	for {
		left, moved := c.until(end)
		if left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-moved:
		case <-stop:
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

func (c *clock) until(end time.Time) (left time.Duration, moved <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved == nil {
		c.moved = make(chan struct{})
	}
	return time.Until(end) - c.offset, c.moved
}
