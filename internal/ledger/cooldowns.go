package ledger

import (
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// cooldownView is what is known of an address's cool-down.
type cooldownView struct {
	read bool
	note cooldownNote // of a tag that was read
}

func cooldownID(pool uuid.UUID, addr netip.Addr) uuid.UUID {
	return derive(pool, cooldownSuffix(addr.String()))
}

// CoolingDown returns the number of addresses of an IP pool that cool down. They
// count as free.
func (s *Snapshot) CoolingDown(pool IPPool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unclaimedCooldowns(pool))
}

// cooldownsOf returns the addresses with a cool-down tag, claimed ones included.
func (s *Snapshot) cooldownsOf(pool IPPool) map[netip.Addr]cooldownView {
	v := s.view(pool.ID)
	if v.cooldowns == nil || v.within != pool.Range() {
		v.cooldowns = map[netip.Addr]cooldownView{}
		v.within = pool.Range()
		for addr := range pool.Pool.Addresses() {
			if s.ids.has(cooldownID(pool.ID, addr)) {
				v.cooldowns[addr] = cooldownView{}
			}
		}
	}
	return v.cooldowns
}

// coolsDown reports whether an address has a cool-down tag.
func (s *Snapshot) coolsDown(pool IPPool, addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.cooldownsOf(pool)[addr]
	return ok
}

// unreadCooldowns returns up to n addresses that cool down and whose tags were
// not read.
func (s *Snapshot) unreadCooldowns(pool IPPool, n int) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var unread []netip.Addr
	for _, addr := range s.unclaimedCooldowns(pool) {
		if len(unread) < n && !s.cooldownsOf(pool)[addr].read {
			unread = append(unread, addr)
		}
	}
	return unread
}

// expiredCooldowns returns the addresses whose cool-down is known to have
// expired.
func (s *Snapshot) expiredCooldowns(pool IPPool, now time.Time) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var expired []netip.Addr
	for _, addr := range s.unclaimedCooldowns(pool) {
		cooldown := s.cooldownsOf(pool)[addr]
		if cooldown.read && cooldown.note.expired(pool.ReuseDelay, now) {
			expired = append(expired, addr)
		}
	}
	return expired
}

// learnCooldown notes what an address's cool-down tag says.
func (s *Snapshot) learnCooldown(pool IPPool, addr netip.Addr, note cooldownNote) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cooldowns := s.cooldownsOf(pool); s.ids.has(cooldownID(pool.ID, addr)) {
		cooldowns[addr] = cooldownView{read: true, note: note}
	}
}

// forgetCooldown notes that an address's cool-down tag is gone.
func (s *Snapshot) forgetCooldown(pool IPPool, addr netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cooldownsOf(pool), addr)
	delete(s.ids, cooldownID(pool.ID, addr))
}
