package ledger

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
)

// Snapshot is what one list call returned, for all IP pools, and what this run
// has learned since. It may be used concurrently. It is advisory: what is free
// is decided by the call that claims.
type Snapshot struct {
	mu       sync.Mutex
	listed   time.Time // the local time before the list call
	ids      idSet
	inFlight map[uuid.UUID]bool // claims that are being attempted
	pools    map[uuid.UUID]*poolView
	avoid    map[netip.Addr]string // shared with others, and not changed
	vacated  map[netip.Addr]bool   // of those, what is not to be avoided any more
}

// poolView is what is known about one IP pool beyond the ids.
type poolView struct {
	owners map[netip.Addr]Owner
	// last is where an owner was seen, or may have got an address by a call of
	// which the outcome is not known.
	last     map[Owner]netip.Addr
	reserved uuid.UUID // cluster id; uuid.Nil: not known
	// cooldowns has the addresses with a cool-down tag within a range; nil until
	// they are needed.
	cooldowns   map[netip.Addr]cooldownView
	within      ipam.Range
	skipped     map[netip.Addr]bool // since they are to be avoided
	relocations map[uuid.UUID]int   // by cluster id: how many races it lost
}

// Snapshot lists the ledger, in one call.
func (l *Ledger) Snapshot(ctx context.Context) (*Snapshot, error) {
	listed := l.Clock.Now()
	ids, err := l.list(ctx)
	if err != nil {
		return nil, err
	}
	return newSnapshot(listed, ids), nil
}

func newSnapshot(listed time.Time, ids idSet) *Snapshot {
	return &Snapshot{
		listed:   listed,
		ids:      ids,
		inFlight: map[uuid.UUID]bool{},
		pools:    map[uuid.UUID]*poolView{},
		vacated:  map[netip.Addr]bool{},
	}
}

func claimID(pool uuid.UUID, addr netip.Addr) uuid.UUID {
	return derive(pool, claimSuffix(addr.String()))
}

// Has reports whether an address of an IP pool is claimed.
func (s *Snapshot) Has(pool uuid.UUID, addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids.has(claimID(pool, addr))
}

// Addresses returns the claimed addresses of an IP pool's range in order, also
// those that may no longer be issued.
func (s *Snapshot) Addresses(pool IPPool) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var claimed []netip.Addr
	for addr := range pool.Pool.Addresses() {
		if s.ids.has(claimID(pool.ID, addr)) {
			claimed = append(claimed, addr)
		}
	}
	return claimed
}

// Count returns the number of claimed addresses of an IP pool.
func (s *Snapshot) Count(pool IPPool) int { return len(s.Addresses(pool)) }

// Free returns the number of addresses of an IP pool that may be issued and are
// neither claimed nor avoided. Those that cool down are free.
func (s *Snapshot) Free(pool IPPool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := 0
	for addr := range pool.All() {
		if s.usedBy(addr) == "" && !s.ids.has(claimID(pool.ID, addr)) {
			free++
		}
	}
	return free
}

// Live returns the number of tags in the ledger.
func (s *Snapshot) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

// holders counts the claimed addresses of an IP pool by cluster id, as far as
// the owners are known; UnknownCluster counts the others.
func (s *Snapshot) holders(pool IPPool) map[uuid.UUID]int {
	claimed := s.Addresses(pool)
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := map[uuid.UUID]int{}
	for _, addr := range claimed {
		owner, ok := s.view(pool.ID).owners[addr]
		if !ok {
			owner = unknownOwner
		}
		counts[owner.Cluster]++
	}
	return counts
}

// Learn notes who holds an address, so that a claim of this owner returns it.
// It may come from a machine's marker: the claim asks vCenter nevertheless.
func (s *Snapshot) Learn(pool uuid.UUID, addr netip.Addr, owner Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learn(pool, addr, owner)
}

// MarkReleased notes that this run has released an address: the run may issue it
// again, at once where it cools down for its own cluster, without another call. What
// was known of its owner is forgotten. usedBy is what had the address and is gone, as
// it was given to Avoid; an address that anything else uses is still avoided.
func (s *Snapshot) MarkReleased(pool IPPool, addr netip.Addr, owner Owner, usedBy string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cooldowns := s.cooldownsOf(pool)
	delete(s.ids, claimID(pool.ID, addr))
	if s.usedBy(addr) == usedBy {
		s.vacated[addr.Unmap()] = true
	}

	v := s.view(pool.ID)
	delete(v.owners, addr)
	delete(v.skipped, addr)
	delete(v.last, owner)
	if pool.ReuseDelay > 0 {
		s.ids[cooldownID(pool.ID, addr)] = struct{}{}
		cooldowns[addr] = cooldownView{}
	}
}

func (s *Snapshot) view(pool uuid.UUID) *poolView {
	v := s.pools[pool]
	if v == nil {
		v = &poolView{
			owners:      map[netip.Addr]Owner{},
			last:        map[Owner]netip.Addr{},
			skipped:     map[netip.Addr]bool{},
			relocations: map[uuid.UUID]int{},
		}
		s.pools[pool] = v
	}
	return v
}

func (s *Snapshot) learn(pool uuid.UUID, addr netip.Addr, owner Owner) {
	v := s.view(pool)
	v.owners[addr] = owner
	if owner.Known() {
		v.last[owner] = addr
	}
}

// passed notes that an address has another owner now.
func (s *Snapshot) passed(pool uuid.UUID, addr netip.Addr, to Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view(pool)
	for owner, last := range v.last {
		if last == addr {
			delete(v.last, owner)
		}
	}
	s.learn(pool, addr, to)
}

// remembered returns the address that the owner may have claimed already.
func (s *Snapshot) remembered(pool uuid.UUID, owner Owner) (netip.Addr, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr, ok := s.view(pool).last[owner]
	return addr, ok
}

func (s *Snapshot) forget(pool uuid.UUID, owner Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.view(pool).last, owner)
}

// settle ends the attempt on an address: claimed by owner, or open again.
func (s *Snapshot) settle(pool uuid.UUID, addr netip.Addr, claimed bool, owner Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := claimID(pool, addr)
	delete(s.inFlight, id)
	if claimed {
		s.ids[id] = struct{}{}
		s.learn(pool, addr, owner)
	}
}

// markUncertain notes that a failed call may have claimed an address.
func (s *Snapshot) markUncertain(pool uuid.UUID, addr netip.Addr, owner Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view(pool).last[owner] = addr
}

// listedAt returns the local time before the last list call.
func (s *Snapshot) listedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listed
}

// refresh lists the ledger again.
func (s *Snapshot) refresh(ctx context.Context, l *Ledger) error {
	listed := l.Clock.Now()
	ids, err := l.list(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listed = listed
	s.ids = ids
	for _, v := range s.pools {
		v.cooldowns = nil
	}
	return nil
}
