package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// kindWords name a kind of record to people, in the notes at gateways.
var kindWords = map[Kind]string{
	KindGateway: "gateway", KindPool: "IP pool", KindAccount: "cloud account", KindCluster: "cluster",
}

// childName is how a record is noted at its gateway.
func (r Record) childName() string { return kindWords[r.Kind] + " " + r.Name }

// poolSlots is how many pools a vCenter may have.
const poolSlots = 1024

// poolRoot is the parent, which is no record, of all pools of the vCenter.
func (l *Ledger) poolRoot() uuid.UUID {
	return uuid.NewSHA1(namespace, []byte(l.vcenter+"\x00pools"))
}

// gatewayOf is the record of the gateway that a record belongs to; false for
// the system gateway, which has none.
func gatewayOf(r Record) (uuid.UUID, bool) {
	id, err := uuid.Parse(r.GatewayID)
	return id, err == nil
}

// link notes a record at its gateway, and a pool among all pools. That comes
// before the record: what a killed run leaves is a note of nothing, which
// readers pass over and the next attempt uses.
func (l *Ledger) link(ctx context.Context, id uuid.UUID, r Record) error {
	if r.Kind == KindPool {
		if err := l.occupy(ctx, l.poolRoot(), id.String(), poolSlots); err != nil {
			return err
		}
	}
	if gateway, ok := gatewayOf(r); ok {
		return l.AddChild(ctx, gateway, r.childName())
	}
	return nil
}

// unlink takes the notes back, after the record.
func (l *Ledger) unlink(ctx context.Context, id uuid.UUID, r Record, there idSet) error {
	if r.Kind == KindPool {
		if err := l.vacate(ctx, l.poolRoot(), id.String(), poolSlots, there, true); err != nil {
			return err
		}
	}
	if gateway, ok := gatewayOf(r); ok {
		return l.vacate(ctx, gateway, r.childName(), slots, there, false)
	}
	return nil
}

// withoutGhosts leaves out children whose record was never made, or is gone: a
// killed run's notes. Only what Register notes at a gateway can be told.
func (l *Ledger) withoutGhosts(ctx context.Context, parent uuid.UUID, children []string, there idSet) ([]string, error) {
	ghost := func(child string) bool {
		for kind, words := range kindWords {
			name, ok := cutWords(child, words)
			if ok && !there.has(l.ID(kind, parent.String(), name)) {
				return true
			}
		}
		return false
	}
	if !slices.ContainsFunc(children, ghost) {
		return children, nil
	}
	tag, err := l.store.Get(ctx, parent)
	if errors.Is(err, ErrNotFound) {
		return children, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read record %s: %w", parent, err)
	}
	// A cloud account's clusters are not known by name alone.
	if r, err := recordOf(tag.Name); err == nil && r.Kind == KindGateway {
		children = slices.DeleteFunc(children, ghost)
	}
	return children, nil
}

func cutWords(child, words string) (string, bool) {
	if len(child) <= len(words)+1 || child[:len(words)+1] != words+" " {
		return "", false
	}
	return child[len(words)+1:], true
}

// RegisteredPool is a pool of the ledger.
type RegisteredPool struct {
	ID     uuid.UUID
	Record Record
	Body   PoolBody
	// Damage is set where the record cannot be read or makes no pool. Of the
	// record there is the name then, unless that was edited, and no body.
	Damage *DamagedError
}

// Pools are all pools of this vCenter, sorted by gateway and name: one list
// call, and two for each pool. One whose record is damaged is among them, so
// that it keeps nobody from reading the others.
func (l *Ledger) Pools(ctx context.Context) ([]RegisteredPool, error) {
	there, err := l.listed(ctx)
	if err != nil {
		return nil, err
	}
	names, err := l.occupants(ctx, l.poolRoot(), poolSlots, there)
	if err != nil {
		return nil, fmt.Errorf("list the IP pools: %w", err)
	}
	found := make([]*RegisteredPool, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepers)
	for i, name := range names {
		id, err := uuid.Parse(name)
		if err != nil || !there.has(id) {
			continue // written by hand, or a killed run's
		}
		group.Go(func() error {
			found[i], err = l.registeredPool(ctx, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("list the IP pools: %w", err)
	}
	var pools []RegisteredPool
	for _, pool := range found {
		if pool != nil {
			pools = append(pools, *pool)
		}
	}
	slices.SortFunc(pools, func(a, b RegisteredPool) int {
		return slices.Compare([]string{a.Record.GatewayID, a.Record.Name, a.ID.String()}, []string{b.Record.GatewayID, b.Record.Name, b.ID.String()})
	})
	return pools, nil
}

// registeredPool reads a pool; nil for one that is gone, and for what is none.
func (l *Ledger) registeredPool(ctx context.Context, id uuid.UUID) (*RegisteredPool, error) {
	r, err := l.Record(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	pool := RegisteredPool{ID: id, Record: r}
	if errors.As(err, &pool.Damage) {
		pool.Record.Body = nil
		return &pool, nil
	}
	if err != nil || r.Kind != KindPool {
		return nil, err
	}
	if pool.Body, err = r.PoolBody(); errors.As(err, &pool.Damage) {
		pool.Damage.ID, pool.Record.Body, pool.Body = id, nil, PoolBody{}
	}
	return &pool, nil
}

// PoolBody decodes the body of a pool's record; one that makes no pool is a
// *DamagedError.
func (r Record) PoolBody() (PoolBody, error) {
	var body PoolBody
	err := json.Unmarshal(r.Body, &body)
	if err == nil {
		_, err = body.IPAM()
	}
	if err != nil {
		return body, &DamagedError{Name: r.TagName(), Why: fmt.Sprintf("its description makes no IP pool: %s", err)}
	}
	return body, nil
}
