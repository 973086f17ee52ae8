package ledger

import "net/netip"

// Vacated tells the snapshot that this run has released an address and that
// nothing uses it any more: the run may hand it out again, at once where it
// rests for its own cluster, without another look at the ledger. An owner that
// was known to have it is forgotten.
func (s *Snapshot) Vacated(pool Pool, addr netip.Addr, owner Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	resting := s.restingIn(pool)
	delete(s.ids, claimID(pool.ID, addr))
	delete(s.avoid, addr.Unmap())
	v := s.view(pool.ID)
	delete(v.owners, addr)
	delete(v.passed, addr)
	delete(v.last, owner)
	if pool.ReuseDelay > 0 {
		s.ids[restID(pool.ID, addr)] = struct{}{}
		resting[addr] = restView{}
	}
}
