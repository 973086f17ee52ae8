package ledger

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
)

// Owner holds an address.
type Owner struct {
	Cluster string // id
	Node    string // node name, or a role such as "vip" or "extra"
}

// Pool is a registered pool of addresses.
type Pool struct {
	ID   uuid.UUID
	Name string
	ipam.Pool
	// SingleCluster reserves the pool for the first cluster that claims from it.
	SingleCluster bool
	// Network is the vSphere network that the addresses live on; empty: not said.
	Network string
	// ReuseDelay is how long a released address rests before another cluster
	// gets it, by vCenter's clock.
	ReuseDelay time.Duration
}

// Snapshot is what one list call saw of all pools, and what this run has
// learned since. It may be used concurrently. It is only ever advice: what is
// free is decided by the call that claims.
type Snapshot struct {
	mu       sync.Mutex
	asked    time.Time // the local clock before the list call
	ids      idSet
	inFlight map[uuid.UUID]bool
	pools    map[uuid.UUID]*poolView
	avoid    map[netip.Addr]string
}

// poolView is what is known about one pool beyond the ids.
type poolView struct {
	owners map[netip.Addr]Owner
	// last is where an owner was seen, or may have got an address by a call of
	// which the outcome is not known.
	last     map[Owner]netip.Addr
	reserved string // cluster id; empty: not known
	// resting has the addresses with a rest tag; nil until it is asked for.
	resting map[netip.Addr]restView
	within  ipam.Range // what resting was looked for in
	passed  map[netip.Addr]bool
	jumps   map[string]int // by cluster id: how often it met another
}

// Taken sees which addresses of all pools are taken, in one call.
func (l *Ledger) Taken(ctx context.Context) (*Snapshot, error) {
	asked := l.Clock.Now()
	ids, err := l.listed(ctx)
	if err != nil {
		return nil, err
	}
	return &Snapshot{
		asked: asked, ids: ids, inFlight: map[uuid.UUID]bool{}, pools: map[uuid.UUID]*poolView{}, avoid: map[netip.Addr]string{},
	}, nil
}

func claimID(pool uuid.UUID, addr netip.Addr) uuid.UUID {
	return derive(pool, claimSuffix(addr.String()))
}

// Has reports whether an address of a pool is taken.
func (s *Snapshot) Has(pool uuid.UUID, addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids.has(claimID(pool, addr))
}

// Addresses lists the taken addresses of a pool's range in order, also those
// that may not be issued any more.
func (s *Snapshot) Addresses(pool Pool) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var taken []netip.Addr
	for addr := range pool.Pool.Addresses() {
		if s.ids.has(claimID(pool.ID, addr)) {
			taken = append(taken, addr)
		}
	}
	return taken
}

// Count is the number of taken addresses of a pool.
func (s *Snapshot) Count(pool Pool) int { return len(s.Addresses(pool)) }

// Free is the number of addresses of a pool that may be issued and are neither
// taken nor avoided. Those that rest are free.
func (s *Snapshot) Free(pool Pool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := 0
	for addr := range pool.All() {
		if s.avoid[addr] == "" && !s.ids.has(claimID(pool.ID, addr)) {
			free++
		}
	}
	return free
}

// Live is the number of tags in the ledger.
func (s *Snapshot) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ids)
}

// Learn tells the snapshot whose an address is, so that a claim of this owner
// comes back to it. What a machine's marker says may be told; nothing is
// believed without asking vCenter.
func (s *Snapshot) Learn(pool uuid.UUID, addr netip.Addr, owner Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learn(pool, addr, owner)
}

// Holders counts the taken addresses of a pool by cluster id, as far as the
// owners are known; the empty id counts the others.
func (s *Snapshot) Holders(pool Pool) map[string]int {
	taken := s.Addresses(pool)
	s.mu.Lock()
	defer s.mu.Unlock()
	holders := map[string]int{}
	for _, addr := range taken {
		holders[s.view(pool.ID).owners[addr].Cluster]++
	}
	return holders
}

func (s *Snapshot) view(pool uuid.UUID) *poolView {
	v := s.pools[pool]
	if v == nil {
		v = &poolView{owners: map[netip.Addr]Owner{}, last: map[Owner]netip.Addr{}, passed: map[netip.Addr]bool{}, jumps: map[string]int{}}
		s.pools[pool] = v
	}
	return v
}

func (s *Snapshot) learn(pool uuid.UUID, addr netip.Addr, owner Owner) {
	v := s.view(pool)
	v.owners[addr] = owner
	if owner != (Owner{}) {
		v.last[owner] = addr
	}
}

// remembered is where a claim of the owner may stand already.
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

// settle ends the attempt on an address: taken by owner (which is zero when
// it may not be read), or open again.
func (s *Snapshot) settle(pool uuid.UUID, addr netip.Addr, taken bool, owner Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := claimID(pool, addr)
	delete(s.inFlight, id)
	if taken {
		s.ids[id] = struct{}{}
		s.learn(pool, addr, owner)
	}
}

// doubt notes that a call which failed may have claimed an address.
func (s *Snapshot) doubt(pool uuid.UUID, addr netip.Addr, owner Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view(pool).last[owner] = addr
}

// refresh looks again.
func (s *Snapshot) refresh(ctx context.Context, l *Ledger) error {
	asked := l.Clock.Now()
	ids, err := l.listed(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.ids = asked, ids
	for _, v := range s.pools {
		v.resting = nil
	}
	return nil
}
