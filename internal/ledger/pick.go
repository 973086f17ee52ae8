package ledger

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// listMaxAge is how old a list may be when an address is picked by it: one that
// was claimed and released since would be issued without a cool-down.
const listMaxAge = time.Minute

// Avoid keeps addresses from being picked: VMs, say, use them without a claim. An
// owner that has claimed an address keeps it. The map says what uses each address; it
// is kept, and many snapshots may share it.
func (s *Snapshot) Avoid(used map[netip.Addr]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.avoid = used
	clear(s.vacated)
}

// usedBy returns what uses an address that is to be avoided; empty for any other.
func (s *Snapshot) usedBy(addr netip.Addr) string {
	addr = addr.Unmap()
	user, used := s.avoid[addr]
	if !used || s.vacated[addr] {
		return ""
	}
	return cmp.Or(user, "(unknown)")
}

// Avoided returns the addresses of an IP pool that claims skipped because they
// are in use, with what uses them.
func (s *Snapshot) Avoided(pool IPPool) map[netip.Addr]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	avoided := map[netip.Addr]string{}
	for addr := range s.view(pool.ID).skipped {
		avoided[addr] = s.usedBy(addr)
	}
	return avoided
}

// open reports whether an address is neither claimed, nor being claimed, nor to
// be avoided.
func (s *Snapshot) open(pool IPPool, addr netip.Addr) bool {
	id := claimID(pool.ID, addr)
	if s.ids.has(id) || s.inFlight[id] {
		return false
	}
	if s.usedBy(addr) != "" {
		s.view(pool.ID).skipped[addr] = true
		return false
	}
	return true
}

// pick returns the next free address of an IP pool that does not cool down, and
// keeps it from the run's other claims until settle.
func (s *Snapshot) pick(pool IPPool, cluster uuid.UUID) (netip.Addr, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cooldowns := s.cooldownsOf(pool)
	addr, ok := pool.Next(s.view(pool.ID).start(cluster), func(addr netip.Addr) bool {
		_, coolsDown := cooldowns[addr]
		return coolsDown || !s.open(pool, addr)
	})
	if ok {
		s.inFlight[claimID(pool.ID, addr)] = true
	}
	return addr, ok
}

// start returns where in an IP pool a cluster looks for addresses first.
func (v *poolView) start(cluster uuid.UUID) uint64 {
	if n := v.relocations[cluster]; n > 0 {
		return offset(cluster.String() + " " + strconv.Itoa(n))
	}
	return offset(cluster.String())
}

// relocateStart lets a cluster look elsewhere: where it has lost a race to another
// one, that one is likely to have the next addresses too, and each would cost a
// lost race.
func (s *Snapshot) relocateStart(pool IPPool, cluster uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view(pool.ID).relocations[cluster]++
}

// pickCooledDown returns an address that cools down for the cluster itself, else
// one whose cool-down has expired, of those whose tags were read. It is kept
// from other claims as by pick.
func (s *Snapshot) pickCooledDown(pool IPPool, cluster uuid.UUID, now time.Time) (netip.Addr, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found netip.Addr
	for _, addr := range s.unclaimedCooldowns(pool) {
		cooldown := s.cooldownsOf(pool)[addr]
		if !cooldown.read || !pool.Issuable(addr) || !s.open(pool, addr) {
			continue
		}
		if cooldown.note.Cluster == cluster {
			found = addr
			break
		}
		if !found.IsValid() && cooldown.note.expired(pool.ReuseDelay, now) {
			found = addr
		}
	}
	if !found.IsValid() {
		return netip.Addr{}, false
	}
	s.inFlight[claimID(pool.ID, found)] = true
	return found, true
}

// unclaimedCooldowns returns the addresses that cool down, in order. A cool-down
// tag beside a claim means nothing.
func (s *Snapshot) unclaimedCooldowns(pool IPPool) []netip.Addr {
	var unclaimed []netip.Addr
	for _, addr := range slices.SortedFunc(maps.Keys(s.cooldownsOf(pool)), netip.Addr.Compare) {
		if !s.ids.has(claimID(pool.ID, addr)) {
			unclaimed = append(unclaimed, addr)
		}
	}
	return unclaimed
}

// exhausted returns the error for an IP pool without an address to pick.
func (s *Snapshot) exhausted(pool IPPool) *ExhaustedError {
	e := &ExhaustedError{
		IPPool:  pool.label(),
		ID:      pool.ID,
		Total:   pool.Total(),
		Free:    s.Free(pool),
		Holders: s.holders(pool),
		Avoided: len(s.Avoided(pool)),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, addr := range s.unclaimedCooldowns(pool) {
		if !pool.Issuable(addr) || !s.open(pool, addr) {
			continue
		}
		e.CoolingDown++
		cooldown := s.cooldownsOf(pool)[addr]
		if !cooldown.read {
			continue
		}
		if end := cooldown.note.end(pool.ReuseDelay); e.Next.IsZero() || end.Before(e.Next) {
			e.Next = end
		}
	}
	return e
}
