package ledgertest

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// actor is a run of a cluster.
type actor struct {
	w       *theater
	name    string
	cluster uuid.UUID
	l       *ledger.Ledger
	p       *Process
	snap    *ledger.Snapshot
	seen    int // the moment before the snapshot
}

func (w *theater) join(cluster string, fails failing) *actor {
	p := NewProcess(w.store)
	p.Fail(fails.decide())
	l := ledger.New(p, w.vcenter)
	l.MaxClaims = 1 << 20
	return &actor{w: w, name: cluster, cluster: uuid.NewSHA1(uuid.NameSpaceOID, []byte(cluster)), l: l, p: p}
}

func (a *actor) owner(node int) ledger.Owner {
	return ledger.Owner{Cluster: a.cluster, Node: fmt.Sprint(a.name, "-", node)}
}

// failed reports whether a call failed. An error that no script causes fails the
// test.
func (a *actor) failed(err error, fine ...error) bool {
	for _, f := range append(fine, ErrDropped) {
		if errors.Is(err, f) {
			return true
		}
	}
	if err != nil {
		a.w.errorf("%s: %v", a.name, err)
	}
	return err != nil
}

// begin lists the ledger, as each run does, and releases what an earlier run
// claimed and does not rely on.
func (a *actor) begin() bool {
	a.w.mu.Lock()
	a.seen = a.w.moment
	a.w.mu.Unlock()
	var err error
	if a.snap, err = a.l.Snapshot(a.w.t.Context()); a.failed(err) {
		return false
	}
	held, err := a.l.OwnedBy(a.w.t.Context(), a.w.pool, a.snap, a.cluster, func(netip.Addr) bool { return false })
	if a.failed(err) {
		return false
	}
	a.w.mu.Lock()
	relied := map[netip.Addr]ledger.Owner{}
	for addr, owner := range a.w.holders {
		if owner.Cluster == a.cluster {
			relied[addr] = owner
		}
	}
	a.w.mu.Unlock()
	for addr, owner := range relied {
		if held[addr] != owner {
			a.w.errorf("%s has lost %s", owner.Node, addr)
		}
		a.snap.Learn(a.w.pool.ID, addr, owner)
	}
	for addr, owner := range held {
		if relied[addr] == owner {
			continue
		}
		if a.failed(a.l.Release(a.w.t.Context(), a.w.pool, addr, owner)) {
			return false
		}
		a.w.gone(addr, owner)
	}
	return true
}

func (a *actor) play(steps []step) {
	if !a.begin() {
		return
	}
	for _, s := range steps {
		owner := a.owner(s.Node)
		switch s.Verb {
		case claimAny:
			a.claim(owner)
		case claimOne:
			a.claimOne(owner, s.Address)
		case releaseOthers:
			a.releaseOthers(owner, s.Address)
		default:
			a.release(owner)
		}
	}
	a.check()
	if a.w.pool.SingleCluster {
		a.failed(a.l.ReleaseIfUnused(a.w.t.Context(), a.w.pool, a.cluster))
	}
}

func (a *actor) claim(owner ledger.Owner) {
	addr, err := a.l.Claim(a.w.t.Context(), a.w.pool, owner, a.snap)
	if a.failed(err, ledger.ErrExhausted, ledger.ErrReserved) {
		return
	}
	a.w.got(addr, owner, a.seen, true)
}

func (a *actor) claimOne(owner ledger.Owner, n int) {
	a.w.mu.Lock()
	_, has := a.w.has[owner]
	a.w.mu.Unlock()
	addr := a.w.address(n)
	if has || a.failed(a.l.ClaimAddress(a.w.t.Context(), a.w.pool, owner, addr), ledger.ErrExists, ledger.ErrReserved) {
		return
	}
	a.snap.Learn(a.w.pool.ID, addr, owner)
	a.w.got(addr, owner, a.seen, false)
}

// releaseOthers tries to release an address that the owner does not rely on.
func (a *actor) releaseOthers(owner ledger.Owner, n int) {
	addr := a.w.address(n)
	a.w.mu.Lock()
	own := a.w.has[owner]
	a.w.mu.Unlock()
	if own != addr {
		a.failed(a.l.Release(a.w.t.Context(), a.w.pool, addr, owner), ledger.ErrExists)
	}
}

func (w *theater) address(n int) netip.Addr {
	addr := w.pool.Start
	for range n % w.pool.Total() {
		addr = addr.Next()
	}
	return addr
}

func (a *actor) release(owner ledger.Owner) {
	// An address that is about to be released is not relied on.
	a.w.mu.Lock()
	addr, has := a.w.has[owner]
	delete(a.w.has, owner)
	delete(a.w.holders, addr)
	a.w.mu.Unlock()
	if has && !a.failed(a.l.Release(a.w.t.Context(), a.w.pool, addr, owner)) {
		a.w.gone(addr, owner)
	}
}

// check makes sure that the store says the same as who relies on it.
func (a *actor) check() {
	direct := ledger.New(a.w.store, a.w.vcenter)
	for node := range a.w.pool.Total() {
		owner := a.owner(node)
		a.w.mu.Lock()
		addr, has := a.w.has[owner]
		a.w.mu.Unlock()
		if !has {
			continue
		}
		if holder, err := direct.Holder(a.w.t.Context(), a.w.pool.ID, addr); err != nil || holder != owner {
			a.w.errorf("%s relies on %s, which %v has (%v)", owner.Node, addr, holder, err)
		}
	}
}
