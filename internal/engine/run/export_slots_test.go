package run

import "context"

// Urgency is the order in which what waits for a slot gets one.
type Urgency = urgency

// The urgencies.
const (
	Urgent              = urgent
	CloneOfControlPlane = cloneOfControlPlane
	CloneOfWorker       = cloneOfWorker
)

// Slots bound the tasks that run at the same time.
type Slots = slots

// NewSlots returns a number of them.
func NewSlots(n int) *Slots { return &slots{free: n} }

// Take waits for a slot.
func (s *slots) Take(ctx context.Context, u Urgency) error { return s.take(ctx, u) }

// Give gives it back.
func (s *slots) Give() { s.give() }
