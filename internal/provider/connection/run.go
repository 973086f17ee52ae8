package connection

import (
	"sync"

	"github.com/google/uuid"
)

// ids is a set of ids that may be used concurrently.
type ids struct{ m sync.Map }

// add adds an id; uuid.Nil is none.
func (s *ids) add(id uuid.UUID) {
	if id != uuid.Nil {
		s.m.Store(id, struct{}{})
	}
}

func (s *ids) has(id uuid.UUID) bool {
	_, ok := s.m.Load(id)
	return ok
}

// MarkSeen notes that the id was in a state that this process has read.
func (c *Connection) MarkSeen(id uuid.UUID) { c.process.seen.add(id) }

// Seen reports whether MarkSeen was called for the id. In the create leg of a
// replacement no prior state is given: Seen tells a resource's own former self from
// another object of the same name.
func (c *Connection) Seen(id uuid.UUID) bool { return c.process.seen.has(id) }

// MarkPlanning notes that Terraform plans in this process, as far as that shows: a
// resource was refreshed, or planned without a change. In an apply, which is a process
// of its own, neither happens: Terraform plans once more what is to be changed.
func (c *Connection) MarkPlanning() { c.process.planning.Store(true) }

// Planning reports whether MarkPlanning was called. It is asked as late as can be:
// Terraform plans resources side by side.
func (c *Connection) Planning() bool { return c.process.planning.Load() }

// MarkApplying notes that something is created, changed or deleted in this process: it is
// an apply's.
func (c *Connection) MarkApplying() { c.process.applying.Store(true) }

// Applying reports whether MarkApplying was called.
func (c *Connection) Applying() bool { return c.process.applying.Load() }

// MarkLeaving notes that the object with the id is deleted before its replacement
// is created.
func (c *Connection) MarkLeaving(id uuid.UUID) { c.process.leaving.add(id) }

// Leaving reports whether MarkLeaving was called for the id.
func (c *Connection) Leaving(id uuid.UUID) bool { return c.process.leaving.has(id) }

// MarkDeleted notes that this run plans to delete what has the id, a record or a
// cluster, and does not create it again.
func (c *Connection) MarkDeleted(id uuid.UUID) { c.process.deleted.add(id) }

// Deleted reports whether MarkDeleted was called for the id. In which order Terraform
// plans deletions is not certain: what is not deleted yet may still be.
func (c *Connection) Deleted(id uuid.UUID) bool { return c.process.deleted.has(id) }
