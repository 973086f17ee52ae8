package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// reservationNote is the description of a pool's reservation.
type reservationNote struct {
	Cluster string `json:"cluster"`
	Since   string `json:"since"`
}

func readReservation(description string) reservationNote {
	var n reservationNote
	if json.Unmarshal([]byte(description), &n) != nil {
		return reservationNote{}
	}
	return n
}

// reserve takes a restricted pool for a cluster, or finds that the cluster has
// it. snap may be nil.
func (l *Ledger) reserve(ctx context.Context, pool Pool, cluster string, snap *Snapshot) error {
	if !pool.SingleCluster || snap != nil && snap.reservedFor(pool.ID, cluster) {
		return nil
	}
	description, err := encode(&reservationNote{Cluster: cluster, Since: l.sinceNow()}, nil)
	if err != nil {
		return err
	}
	tag := Tag{ID: derive(pool.ID, reservationSuffix), Name: pool.ID.String() + reservationSuffix, Description: description}
	there, err := l.occupant(ctx, tag)
	if err != nil {
		return fmt.Errorf("reserve IP pool %q: %w", pool.Name, err)
	}
	note := readReservation(there)
	if note.Cluster != cluster {
		return &ReservedError{Pool: pool.Name, ID: pool.ID, Cluster: note.Cluster, Since: moment(note.Since)}
	}
	if snap != nil {
		snap.reserve(pool.ID, cluster)
	}
	return nil
}

// Reservation tells which cluster a restricted pool is reserved for and since
// when; ErrNotFound when for none.
func (l *Ledger) Reservation(ctx context.Context, pool uuid.UUID) (cluster string, since time.Time, err error) {
	tag, err := l.store.Get(ctx, derive(pool, reservationSuffix))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("read the reservation of IP pool %s: %w", pool, err)
	}
	note := readReservation(tag.Description)
	return note.Cluster, moment(note.Since), nil
}

// ReleaseReservation opens a restricted pool for other clusters, after the
// cluster has released its last address. A reservation that is gone or another
// cluster's is left alone.
func (l *Ledger) ReleaseReservation(ctx context.Context, pool uuid.UUID, cluster string) error {
	for range rereads {
		asked := l.Clock.Now()
		holder, _, err := l.Reservation(ctx, pool)
		if errors.Is(err, ErrNotFound) || err == nil && holder != cluster {
			return nil
		}
		if err != nil {
			return err
		}
		if elapsed(l.Clock.Now(), asked) > releaseWindow {
			continue
		}
		if err := l.store.Delete(ctx, derive(pool, reservationSuffix)); err != nil {
			return fmt.Errorf("release the reservation of IP pool %s: %w", pool, err)
		}
		return nil
	}
	return fmt.Errorf("release the reservation of IP pool %s: vCenter took longer than %s to answer, %d times", pool, releaseWindow, rereads)
}

// UnknownCluster stands for a cluster whose id cannot be read: somebody has
// edited the tag that names it.
const UnknownCluster = "(unknown)"

// ReservedBy tells which cluster a pool is reserved for; empty when for none.
func (l *Ledger) ReservedBy(ctx context.Context, pool uuid.UUID) (string, error) {
	cluster, _, err := l.Reservation(ctx, pool)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err == nil && cluster == "" {
		cluster = UnknownCluster
	}
	return cluster, err
}

// Reserve reserves a registered pool for a cluster; one that it has is success.
// It is for a pool that is about to be restricted to a single cluster: when
// another cluster has it, or holds one of its addresses, the error is a
// *ReservedError. A run that has read the pool before may still claim for
// another cluster: write the restriction into the record, and ask again.
func (l *Ledger) Reserve(ctx context.Context, pool uuid.UUID, cluster string) error {
	wrap := func(err error) error { return fmt.Errorf("reserve IP pool %s: %w", pool, err) }
	p := Pool{ID: pool, SingleCluster: true}
	r, err := l.Record(ctx, pool)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return wrap(err)
	}
	if registered, ok := poolIn(pool, r.Body); ok {
		p, p.SingleCluster = registered, true
	}
	had, err := l.ReservedBy(ctx, pool)
	if err != nil {
		return wrap(err)
	}
	// First the reservation and then the claims: who claims by it afterwards
	// finds it, and who claimed before is found.
	if err := l.reserve(ctx, p, cluster, nil); err != nil {
		return err
	}
	other, err := l.otherHolder(ctx, p, cluster)
	if err == nil && other == nil {
		return nil
	}
	if had == "" {
		if rerr := l.ReleaseReservation(ctx, pool, cluster); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}
	if err != nil {
		return wrap(err)
	}
	return &ReservedError{Pool: p.words(), ID: pool, Cluster: other.Owner.Cluster, Since: other.Since}
}

// otherHolder is a claim of a pool that is not this cluster's; nil when there
// is none.
func (l *Ledger) otherHolder(ctx context.Context, pool Pool, cluster string) (*Allocation, error) {
	snap, err := l.Taken(ctx)
	if err != nil {
		return nil, err
	}
	held, err := l.Allocations(ctx, pool, snap)
	if err != nil {
		return nil, err
	}
	for _, a := range held {
		if a.Owner.Cluster != cluster {
			return &a, nil
		}
	}
	return nil, nil
}

// ReleaseIfUnused opens a restricted pool for other clusters if none of its
// addresses is claimed any more: one list call at most beside those of
// ReleaseReservation. The cluster's lock must be held, and nothing of this run
// may be about to claim: a claim relies on the reservation that it once saw.
func (l *Ledger) ReleaseIfUnused(ctx context.Context, pool Pool, cluster string) error {
	for range rereads {
		asked := l.Clock.Now()
		holder, _, err := l.Reservation(ctx, pool.ID)
		if errors.Is(err, ErrNotFound) || err == nil && holder != cluster {
			return nil
		}
		if err != nil {
			return err
		}
		snap, err := l.Taken(ctx)
		if err != nil {
			return fmt.Errorf("release the reservation of IP pool %q: %w", pool.Name, err)
		}
		if snap.Count(pool) > 0 {
			return nil
		}
		if elapsed(l.Clock.Now(), asked) > releaseWindow {
			continue
		}
		if err := l.store.Delete(ctx, derive(pool.ID, reservationSuffix)); err != nil {
			return fmt.Errorf("release the reservation of IP pool %q: %w", pool.Name, err)
		}
		return nil
	}
	return fmt.Errorf("release the reservation of IP pool %q: vCenter took longer than %s to answer, %d times", pool.Name, releaseWindow, rereads)
}

func (s *Snapshot) reservedFor(pool uuid.UUID, cluster string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view(pool).reserved == cluster
}

func (s *Snapshot) reserve(pool uuid.UUID, cluster string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view(pool).reserved = cluster
}
