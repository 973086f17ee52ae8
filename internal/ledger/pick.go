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

// maxAge is how old a list may be when an address is picked by it: one that was
// claimed and released since would be handed out without a rest.
const maxAge = time.Minute

// restView is what is known of an address's rest.
type restView struct {
	read bool
	note restNote // of a tag that was read
}

// Avoid keeps an address from being picked: by, a VM say, uses it and has no
// claim. An owner that had the address claimed keeps it.
func (s *Snapshot) Avoid(addr netip.Addr, by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.avoid[addr.Unmap()] = cmp.Or(by, "(unknown)")
}

// Avoided are the addresses of a pool that claims passed over because somebody
// uses them, with who does.
func (s *Snapshot) Avoided(pool Pool) map[netip.Addr]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	passed := map[netip.Addr]string{}
	for addr := range s.view(pool.ID).passed {
		passed[addr] = s.avoid[addr]
	}
	return passed
}

// Resting is the number of addresses of a pool that rest. They count as free.
func (s *Snapshot) Resting(pool Pool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for addr := range s.restingIn(pool) {
		if !s.ids.has(claimID(pool.ID, addr)) {
			n++
		}
	}
	return n
}

// seen is the local time before the last list call.
func (s *Snapshot) seen() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func restID(pool uuid.UUID, addr netip.Addr) uuid.UUID {
	return derive(pool, restSuffix(addr.String()))
}

// restingIn finds the addresses with a rest tag, claimed ones included.
func (s *Snapshot) restingIn(pool Pool) map[netip.Addr]restView {
	v := s.view(pool.ID)
	if v.resting == nil || v.within != pool.Range() {
		v.resting, v.within = map[netip.Addr]restView{}, pool.Range()
		for addr := range pool.Pool.Addresses() {
			if s.ids.has(restID(pool.ID, addr)) {
				v.resting[addr] = restView{}
			}
		}
	}
	return v.resting
}

func (s *Snapshot) rests(pool Pool, addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.restingIn(pool)[addr]
	return ok
}

// open reports whether an address is neither taken, nor about to be, nor
// avoided.
func (s *Snapshot) open(pool Pool, addr netip.Addr) bool {
	id := claimID(pool.ID, addr)
	if s.ids.has(id) || s.inFlight[id] {
		return false
	}
	if s.avoid[addr] != "" {
		s.view(pool.ID).passed[addr] = true
		return false
	}
	return true
}

// pick is the next free address of a pool that does not rest, kept from the
// run's other claims until settle.
func (s *Snapshot) pick(pool Pool, cluster string) (netip.Addr, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resting := s.restingIn(pool)
	addr, ok := pool.Next(s.view(pool.ID).start(cluster), func(a netip.Addr) bool {
		_, rests := resting[a]
		return rests || !s.open(pool, a)
	})
	if ok {
		s.inFlight[claimID(pool.ID, addr)] = true
	}
	return addr, ok
}

// start is where in a pool a cluster looks for addresses first.
func (v *poolView) start(cluster string) uint64 {
	if n := v.jumps[cluster]; n > 0 {
		return offset(cluster + " " + strconv.Itoa(n))
	}
	return offset(cluster)
}

// jump lets a cluster look elsewhere: where it met another one, that one's next
// addresses are likely to be next, and each would cost a lost race.
func (s *Snapshot) jump(pool Pool, cluster string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view(pool.ID).jumps[cluster]++
}

// pickRested is an address that rests for the cluster itself, else one that has
// rested long enough, of those whose tags were read. It is kept as by pick.
func (s *Snapshot) pickRested(pool Pool, cluster string, now time.Time) (netip.Addr, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found netip.Addr
	for _, addr := range s.unclaimed(pool) {
		rest := s.restingIn(pool)[addr]
		if !rest.read || !pool.Issuable(addr) || !s.open(pool, addr) {
			continue
		}
		if rest.note.Cluster == cluster {
			found = addr
			break
		}
		if !found.IsValid() && rest.note.over(pool.ReuseDelay, now) {
			found = addr
		}
	}
	if !found.IsValid() {
		return netip.Addr{}, false
	}
	s.inFlight[claimID(pool.ID, found)] = true
	return found, true
}

// unclaimed are the addresses that rest, in order.
func (s *Snapshot) unclaimed(pool Pool) []netip.Addr {
	var all []netip.Addr
	for _, addr := range slices.SortedFunc(maps.Keys(s.restingIn(pool)), netip.Addr.Compare) {
		if !s.ids.has(claimID(pool.ID, addr)) {
			all = append(all, addr)
		}
	}
	return all
}

// unread are up to n addresses that rest and whose tags were not read.
func (s *Snapshot) unread(pool Pool, n int) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ask []netip.Addr
	for _, addr := range s.unclaimed(pool) {
		if len(ask) < n && !s.restingIn(pool)[addr].read {
			ask = append(ask, addr)
		}
	}
	return ask
}

// over are the addresses that have rested long enough, as far as is known.
func (s *Snapshot) over(pool Pool, now time.Time) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var over []netip.Addr
	for _, addr := range s.unclaimed(pool) {
		if rest := s.restingIn(pool)[addr]; rest.read && rest.note.over(pool.ReuseDelay, now) {
			over = append(over, addr)
		}
	}
	return over
}

func (s *Snapshot) learnRest(pool Pool, addr netip.Addr, note restNote) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if resting := s.restingIn(pool); s.ids.has(restID(pool.ID, addr)) {
		resting[addr] = restView{read: true, note: note}
	}
}

// forgetRest notes that an address's rest tag is gone.
func (s *Snapshot) forgetRest(pool Pool, addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.restingIn(pool), addr)
	delete(s.ids, restID(pool.ID, addr))
}

// exhausted is the error when no address is left to pick.
func (s *Snapshot) exhausted(pool Pool) *ExhaustedError {
	e := &ExhaustedError{Pool: pool.Name, ID: pool.ID, Total: pool.Total(), Free: s.Free(pool), Holders: s.Holders(pool), Avoided: len(s.Avoided(pool))}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, addr := range s.unclaimed(pool) {
		if !pool.Issuable(addr) || !s.open(pool, addr) {
			continue
		}
		e.Resting++
		if rest := s.restingIn(pool)[addr]; rest.read {
			if end := rest.note.end(pool.ReuseDelay); e.Next.IsZero() || end.Before(e.Next) {
				e.Next = end
			}
		}
	}
	return e
}
