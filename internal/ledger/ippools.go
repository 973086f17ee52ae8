package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// ipPoolSlots is how many IP pools a vCenter may have.
const ipPoolSlots = 1024

// ipPoolIndex is the parent, which is no record, of all IP pools of the vCenter.
func (l *Ledger) ipPoolIndex() uuid.UUID {
	return uuid.NewSHA1(namespace, []byte(l.vcenter+"\x00ip-pools"))
}

// link notes a record at its gateway, and an IP pool in the index. That comes
// before the record: what a killed run leaves is a note of nothing, which
// readers skip and the next attempt uses.
func (l *Ledger) link(ctx context.Context, id uuid.UUID, ref record.Ref) error {
	if ref.Kind == record.KindIPPool {
		if err := l.takeSlot(ctx, l.ipPoolIndex(), id.String(), ipPoolSlots); err != nil {
			return err
		}
	}
	if ref.GatewayID != uuid.Nil {
		return l.AddChild(ctx, ref.GatewayID, ref)
	}
	return nil
}

// unlink deletes the notes, after the record.
func (l *Ledger) unlink(ctx context.Context, id uuid.UUID, ref record.Ref, listed idSet) error {
	if ref.Kind == record.KindIPPool {
		if err := l.freeFirstSlot(ctx, l.ipPoolIndex(), id.String(), ipPoolSlots, listed); err != nil {
			return err
		}
	}
	if ref.GatewayID != uuid.Nil {
		return l.freeSlots(ctx, ref.GatewayID, ref.String(), childSlots, listed)
	}
	return nil
}

// RegisteredIPPool is an IP pool of the ledger.
type RegisteredIPPool struct {
	ID uuid.UUID
	// Ref is zero where the record's tag was renamed.
	Ref  record.Ref
	Body record.IPPool
	// Unreadable is a *DamagedError or a *record.NewerError where the record
	// cannot be read. There is no body then.
	Unreadable error
}

// IPPools returns all IP pools of this vCenter, sorted by gateway and name: one
// list call, and two for each IP pool. One whose record cannot be read is among
// them and does not keep the others from being read.
func (l *Ledger) IPPools(ctx context.Context) ([]RegisteredIPPool, error) {
	listed, err := l.list(ctx)
	if err != nil {
		return nil, err
	}
	notes, err := l.readSlots(ctx, l.ipPoolIndex(), ipPoolSlots, listed)
	if err != nil {
		return nil, fmt.Errorf("list the IP pools: %w", err)
	}

	found := make([]*RegisteredIPPool, len(notes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelReads)
	for i, note := range notes {
		id, err := uuid.Parse(note)
		if err != nil || !listed.has(id) {
			continue // written by hand, or by a killed run
		}
		group.Go(func() (err error) {
			found[i], err = l.registeredIPPool(ctx, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("list the IP pools: %w", err)
	}

	var pools []RegisteredIPPool
	for _, pool := range found {
		if pool != nil {
			pools = append(pools, *pool)
		}
	}
	slices.SortFunc(pools, func(a, b RegisteredIPPool) int {
		return cmp.Or(
			slices.Compare(a.Ref.GatewayID[:], b.Ref.GatewayID[:]),
			cmp.Compare(a.Ref.Name, b.Ref.Name),
			slices.Compare(a.ID[:], b.ID[:]),
		)
	})
	return pools, nil
}

// registeredIPPool reads an IP pool; nil for one that is gone, and for a record
// of another kind.
func (l *Ledger) registeredIPPool(ctx context.Context, id uuid.UUID) (*RegisteredIPPool, error) {
	r, err := l.Record(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && r.Kind != record.KindIPPool {
		return nil, nil
	}
	pool := RegisteredIPPool{ID: id, Ref: r.Ref}
	if err == nil {
		pool.Body, err = r.IPPool()
	}
	if errors.Is(err, ErrDamaged) || errors.Is(err, record.ErrNewer) {
		pool.Body = record.IPPool{}
		pool.Unreadable = err
		return &pool, nil
	}
	return &pool, err
}
