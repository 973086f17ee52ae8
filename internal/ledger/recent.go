package ledger

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/sharedread"
)

// Reader is what observing needs of a ledger. A *Ledger reads anew with each call.
type Reader interface {
	ID(ref record.Ref) uuid.UUID
	FolderID(ref string) uuid.UUID
	Record(ctx context.Context, id uuid.UUID) (Record, error)
	Children(ctx context.Context, parent uuid.UUID) ([]record.Ref, error)
	ReservedBy(ctx context.Context, pool uuid.UUID) (uuid.UUID, error)
	Snapshot(ctx context.Context) (*Snapshot, error)
	LockHolder(ctx context.Context, record uuid.UUID) (*Holder, error)
	// Now reads vCenter's clock; one call.
	Now(ctx context.Context) (time.Time, error)
	OwnedBy(
		ctx context.Context, pool IPPool, snap *Snapshot, cluster uuid.UUID, known func(netip.Addr) bool,
	) (map[netip.Addr]Owner, error)
}

// Recent returns a reader for those who only look: the resources of a refresh, which
// ask for the same list and the same IP pools. What was read at most maxAge ago is
// used again, unless it was changed through this Ledger since. Nothing may be
// claimed by a snapshot of it. A maxAge of 0 reads anew.
func (l *Ledger) Recent(maxAge time.Duration) Reader {
	if maxAge <= 0 {
		return l
	}
	return &Ledger{
		MaxClaims:    l.MaxClaims,
		Clock:        l.Clock,
		store:        recentStore{trackedStore: l.shared, maxAge: maxAge},
		shared:       l.shared,
		vcenter:      l.vcenter,
		vcenterClock: clockSample{},
		leases:       map[uuid.UUID]*Lease{},
	}
}

// trackedStore is a store that knows which of the reads that callers share are no
// longer true.
type trackedStore struct {
	Store
	list sharedread.Read[[]uuid.UUID]

	mu   sync.Mutex
	tags map[uuid.UUID]*sharedread.Read[Tag]
}

func newTrackedStore(s Store) *trackedStore {
	return &trackedStore{Store: s, tags: map[uuid.UUID]*sharedread.Read[Tag]{}}
}

// tag is the shared read of a tag.
func (s *trackedStore) tag(id uuid.UUID) *sharedread.Read[Tag] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tags[id] == nil {
		s.tags[id] = &sharedread.Read[Tag]{}
	}
	return s.tags[id]
}

// changed drops what was read of a tag before a change. It comes after the change,
// whether that has failed or not: a lost answer may have been a change.
func (s *trackedStore) changed(id uuid.UUID) {
	s.mu.Lock()
	read := s.tags[id]
	delete(s.tags, id)
	s.mu.Unlock()
	if read != nil {
		read.Forget()
	}
}

// Create implements Store.
func (s *trackedStore) Create(ctx context.Context, tag Tag) error {
	defer s.list.Forget()
	defer s.changed(tag.ID)
	return s.Store.Create(ctx, tag)
}

// Update implements Store.
func (s *trackedStore) Update(ctx context.Context, id uuid.UUID, description string) error {
	defer s.changed(id)
	return s.Store.Update(ctx, id, description)
}

// Delete implements Store.
func (s *trackedStore) Delete(ctx context.Context, id uuid.UUID) error {
	defer s.list.Forget()
	defer s.changed(id)
	return s.Store.Delete(ctx, id)
}

// recentStore reads what others have read a moment ago.
type recentStore struct {
	*trackedStore
	maxAge time.Duration
}

// Get implements Store.
func (s recentStore) Get(ctx context.Context, id uuid.UUID) (Tag, error) {
	return s.tag(id).Get(ctx, s.maxAge, func(ctx context.Context) (Tag, error) { return s.Store.Get(ctx, id) })
}

// List implements Store.
func (s recentStore) List(ctx context.Context) ([]uuid.UUID, error) {
	return s.list.Get(ctx, s.maxAge, s.Store.List)
}
