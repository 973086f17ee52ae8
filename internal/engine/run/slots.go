package run

import (
	"context"
	"slices"
	"sync"
)

// urgency is the order in which what waits for a slot gets one.
type urgency int

// The urgencies. What a step waits for goes before what is done ahead: the boots of
// workers, and then clones, so that no boot waits for the clones of nodes that cannot join
// before it; and the control plane's clones go first of these.
const (
	urgent urgency = iota
	bootOfWorker
	cloneOfControlPlane
	cloneOfWorker
	urgencies = iota
)

// slots bound the vCenter tasks that run at the same time.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting [urgencies][]chan struct{} // in the order in which they came
}

// take waits for a slot, until ctx ends.
func (s *slots) take(ctx context.Context, u urgency) error {
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	s.waiting[u] = append(s.waiting[u], turn)
	s.mu.Unlock()
	Waiting(ctx, "its turn: as many operations run in vCenter as may (max_parallel_operations)")
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	i := slices.Index(s.waiting[u], turn)
	if i >= 0 {
		s.waiting[u] = slices.Delete(s.waiting[u], i, i+1)
	}
	s.mu.Unlock()
	if i < 0 {
		s.give() // it was this one's turn just then
	}
	return context.Cause(ctx)
}

// give gives a slot back, to the most urgent that waits.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for u, queue := range s.waiting {
		if len(queue) > 0 {
			close(queue[0])
			s.waiting[u] = queue[1:]
			return
		}
	}
	s.free++
}
