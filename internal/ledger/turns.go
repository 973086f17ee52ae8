package ledger

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// turns lets those take turns that want the lock of one id through one Ledger.
type turns struct {
	mu    sync.Mutex
	queue map[uuid.UUID]chan struct{}
}

// Turn lets the runs of this process take turns at what they would overwrite of each other; id
// says what. end gives the turn to the next.
func (s *Lease) Turn(ctx context.Context, id uuid.UUID) (end func(), err error) {
	return s.l.turns.take(ctx, id)
}

// take waits for its turn; end, which may be called again, gives it to the next.
func (t *turns) take(ctx context.Context, id uuid.UUID) (end func(), err error) {
	for {
		t.mu.Lock()
		taken, busy := t.queue[id]
		if !busy {
			if t.queue == nil {
				t.queue = map[uuid.UUID]chan struct{}{}
			}
			mine := make(chan struct{})
			t.queue[id] = mine
			t.mu.Unlock()
			return sync.OnceFunc(func() { t.end(id, mine) }), nil
		}
		t.mu.Unlock()
		select {
		case <-taken:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (t *turns) end(id uuid.UUID, mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.queue, id)
	close(mine)
}
