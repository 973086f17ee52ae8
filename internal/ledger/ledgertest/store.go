// Package ledgertest has what tests of the ledger and of its users need: a
// Store in memory, processes that use it and fail as real ones do, and the
// suite that each Store passes.
package ledgertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// Store is the tagging service of a vCenter in memory. Several processes may
// share one.
type Store struct {
	mu     sync.Mutex
	tags   map[uuid.UUID]ledger.Tag
	hidden map[uuid.UUID]bool
	shift  time.Duration
}

var _ ledger.Store = (*Store)(nil)

// NewStore makes a store without tags, the clock of which goes with time.Now.
func NewStore() *Store {
	return &Store{tags: map[uuid.UUID]ledger.Tag{}, hidden: map[uuid.UUID]bool{}}
}

// Hide makes a tag one that may not be read: lists leave it out, and its id and name
// stay taken.
func (s *Store) Hide(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden[id] = true
}

// Advance moves vCenter's clock.
func (s *Store) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shift += d
}

// Tags lists everything there is, by name.
func (s *Store) Tags() []ledger.Tag {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tags []ledger.Tag
	for _, tag := range s.tags {
		tags = append(tags, tag)
	}
	slices.SortFunc(tags, func(a, b ledger.Tag) int { return strings.Compare(a.Name, b.Name) })
	return tags
}

// Create implements ledger.Store.
func (s *Store) Create(_ context.Context, tag ledger.Tag) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(tag.Name) == 0 || len(tag.Name) > ledger.MaxName || len(tag.Description) > ledger.MaxDescription {
		return fmt.Errorf("invalid argument: tag %q with a description of %d bytes", tag.Name, len(tag.Description))
	}
	if there, ok := s.tags[tag.ID]; ok {
		return fmt.Errorf("tag %s: %w", there.Name, ledger.ErrExists)
	}
	for _, there := range s.tags {
		if there.Name == tag.Name {
			return fmt.Errorf("tag %s: %w", tag.Name, ledger.ErrExists)
		}
	}
	s.tags[tag.ID] = tag
	return nil
}

// Get implements ledger.Store.
func (s *Store) Get(_ context.Context, id uuid.UUID) (ledger.Tag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tag, ok := s.tags[id]
	switch {
	case !ok:
		return ledger.Tag{}, fmt.Errorf("tag %s: %w", id, ledger.ErrNotFound)
	case s.hidden[id]:
		return ledger.Tag{}, fmt.Errorf("tag %s: %w", id, ledger.ErrUnreadable)
	}
	return tag, nil
}

// Update implements ledger.Store.
func (s *Store) Update(_ context.Context, id uuid.UUID, description string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tag, ok := s.tags[id]
	if !ok {
		return fmt.Errorf("tag %s: %w", id, ledger.ErrNotFound)
	}
	if len(description) > ledger.MaxDescription {
		return fmt.Errorf("invalid argument: a description of %d bytes", len(description))
	}
	tag.Description = description
	s.tags[id] = tag
	return nil
}

// Delete implements ledger.Store.
func (s *Store) Delete(_ context.Context, id uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tags, id)
	return nil
}

// List implements ledger.Store.
func (s *Store) List(context.Context) ([]uuid.UUID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(s.tags))
	for id := range s.tags {
		if !s.hidden[id] {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Now implements ledger.Store.
func (s *Store) Now(context.Context) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.shift), nil
}
