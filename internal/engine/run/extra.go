package run

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// claimFor takes the address of a node that is built. The successor of a control-plane
// node takes the extra, which is kept for it, so that it needs no other one of a pool that
// may be full; the claim passes from one to the other and is never free. The address of
// the node that goes is the extra from then on.
func (a *addresses) claimFor(ctx context.Context, s model.CreateNode) (netip.Addr, error) {
	addr, err := a.addressFor(ctx, s)
	if err == nil {
		a.note(model.Claim{IPPool: s.IPPool(), Address: addr, Owner: s.Node})
	}
	return addr, err
}

func (a *addresses) addressFor(ctx context.Context, s model.CreateNode) (netip.Addr, error) {
	pool := s.IPPool()
	a.mu.Lock()
	extra, held := a.extra, a.holds(pool, s.Node)
	a.mu.Unlock()
	if !s.TakesExtra() || pool != a.at.IPPool || held {
		return a.claim(ctx, pool, s.Node)
	}
	if !extra.IsValid() {
		return a.claim(ctx, pool, s.Node) // another node has it, as where the control plane grew meanwhile
	}
	if err := a.pass(ctx, pool, extra, s.Node); err != nil {
		return netip.Addr{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.extra = netip.Addr{}
	return extra, nil
}

// note keeps a claim of this run, so that it can be given back in the same run.
func (a *addresses) note(taken model.Claim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.given, taken)
	if !a.holds(taken.IPPool, taken.Owner) && !slices.Contains(a.taken, taken) {
		a.taken = append(a.taken, taken)
	}
}

// claims are those that there were when the run began, and what it has taken since.
func (a *addresses) claims() []model.Claim {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.allClaims()
}

func (a *addresses) allClaims() []model.Claim {
	return slices.DeleteFunc(slices.Concat(a.facts.Claims, a.taken), func(c model.Claim) bool { return a.given[c] })
}

// forget takes a claim out that was given back: the address may be another owner's by now.
func (a *addresses) forget(c model.Claim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.given[c] = true
	a.taken = slices.DeleteFunc(a.taken, func(taken model.Claim) bool { return taken == c })
}

// holds reports whether an owner had a claim in a pool when the run began, and has it still. The
// lock is held.
func (a *addresses) holds(pool uuid.UUID, owner string) bool {
	for _, c := range a.facts.Claims {
		if c.IPPool == pool && c.Owner == owner && !a.given[c] {
			return true
		}
	}
	return false
}

// markerExtra is the extra that the marker of a control-plane node names: that of the
// cluster, or, of the node that has taken it, the one that there will be when its
// predecessor is gone. A marker does not change with it: of several, that of the newest
// node is right.
func (a *addresses) markerExtra(s model.CreateNode) netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.extra.IsValid() {
		return a.extra
	}
	if s.Frees.IsValid() {
		return s.Frees
	}
	// Of a node that this run has built the plan knows no address.
	for _, c := range a.allClaims() {
		if c.IPPool == s.IPPool() && c.Owner == s.Replaces {
			return c.Address
		}
	}
	return netip.Addr{}
}

// returns reports whether an address that is given back becomes the extra: that of a
// control-plane node of a cluster that goes on, while a successor has the extra.
func (a *addresses) returns(c model.Claim) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at.IPPool != uuid.Nil && c.IPPool == a.at.IPPool && !a.extra.IsValid() && a.at.Address.IsValid() &&
		a.names().Ordinal(model.ControlPlanePool, c.Owner) > 0
}

// keepAsExtra makes the address of a node that is gone the extra.
func (a *addresses) keepAsExtra(ctx context.Context, c model.Claim) error {
	if err := a.pass(ctx, c.IPPool, c.Address, model.OwnerExtra); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.extra = c.Address
	return nil
}

func (a *addresses) pass(ctx context.Context, id uuid.UUID, addr netip.Addr, to string) error {
	pool, ok := a.pools[id]
	if !ok {
		return errors.New("the IP pool of the control plane is not registered any more; create it again with the same name and range")
	}
	return a.changes.call(ctx, func(ctx context.Context) error {
		return a.ledger.Pass(ctx, pool, addr, ledger.Owner{Cluster: a.cluster, Node: to}, a.snapshot)
	})
}
