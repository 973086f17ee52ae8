package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// reservationNote is the description of an IP pool's reservation.
type reservationNote struct {
	Cluster uuid.UUID `json:"cluster"`
	Since   string    `json:"since"`
}

// parseReservation reads a reservation's description. One that cannot be read is
// the unknown cluster's.
func parseReservation(description string) reservationNote {
	var note reservationNote
	if json.Unmarshal([]byte(description), &note) != nil || !isCluster(note.Cluster) {
		return reservationNote{Cluster: UnknownCluster}
	}
	return note
}

// reserve takes an IP pool that is restricted to a single cluster, or finds that
// the cluster has it. snap may be nil.
func (l *Ledger) reserve(ctx context.Context, pool IPPool, cluster uuid.UUID, snap *Snapshot) error {
	if !pool.SingleCluster {
		return nil
	}
	if !isCluster(cluster) {
		return fmt.Errorf("reserve IP pool %q: a reservation needs a cluster", pool.label())
	}
	if snap != nil && snap.reservedFor(pool.ID, cluster) {
		return nil
	}

	description, err := encode(&reservationNote{Cluster: cluster, Since: l.timestamp()}, nil)
	if err != nil {
		return err
	}
	tag := Tag{ID: derive(pool.ID, reservationSuffix), Name: pool.ID.String() + reservationSuffix, Description: description}
	there, err := l.createOrGet(ctx, tag)
	if err != nil {
		return fmt.Errorf("reserve IP pool %q: %w", pool.label(), err)
	}
	note := parseReservation(there)
	if note.Cluster != cluster {
		return &ReservedError{IPPool: pool.label(), ID: pool.ID, Cluster: note.Cluster, Since: parseTime(note.Since)}
	}
	if snap != nil {
		snap.markReserved(pool.ID, cluster)
	}
	return nil
}

// Reservation returns the cluster that an IP pool is reserved for, and since
// when; ErrNotFound where there is none, UnknownCluster where it cannot be read.
func (l *Ledger) Reservation(ctx context.Context, pool uuid.UUID) (cluster uuid.UUID, since time.Time, err error) {
	tag, err := l.store.Get(ctx, derive(pool, reservationSuffix))
	if err != nil {
		return uuid.Nil, time.Time{}, fmt.Errorf("read the reservation of IP pool %s: %w", pool, err)
	}
	note := parseReservation(tag.Description)
	return note.Cluster, parseTime(note.Since), nil
}

// ReservedBy returns the cluster that an IP pool is reserved for; uuid.Nil where
// there is none, UnknownCluster where it cannot be read.
func (l *Ledger) ReservedBy(ctx context.Context, pool uuid.UUID) (uuid.UUID, error) {
	cluster, _, err := l.Reservation(ctx, pool)
	if errors.Is(err, ErrNotFound) {
		return uuid.Nil, nil
	}
	return cluster, err
}

// Reserve reserves a registered IP pool for a cluster; one that it has is
// success. It is for a pool that is about to be restricted to a single cluster:
// where another cluster has it, or holds one of its addresses, the error is a
// *ReservedError. A run that has read the pool before may still claim for another
// cluster: write the restriction into the record, and call Reserve again.
func (l *Ledger) Reserve(ctx context.Context, pool, cluster uuid.UUID) error {
	wrap := func(err error) error { return fmt.Errorf("reserve IP pool %s: %w", pool, err) }
	restricted := IPPool{ID: pool}
	r, err := l.Record(ctx, pool)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return wrap(err)
	}
	if registered, ok := parseIPPool(pool, r.Body); ok {
		restricted = registered
	}
	restricted.SingleCluster = true
	before, err := l.ReservedBy(ctx, pool)
	if err != nil {
		return wrap(err)
	}

	// First the reservation and then the claims: who claims by it afterwards
	// finds it, and who claimed before is found.
	if err := l.reserve(ctx, restricted, cluster, nil); err != nil {
		return err
	}
	other, err := l.otherHolder(ctx, restricted, cluster)
	if err == nil && other == nil {
		return nil
	}

	if before == uuid.Nil {
		if rerr := l.ReleaseReservation(ctx, pool, cluster); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}
	if err != nil {
		return wrap(err)
	}
	return &ReservedError{IPPool: restricted.label(), ID: pool, Cluster: other.Owner.Cluster, Since: other.Since}
}

// otherHolder returns a claim of an IP pool that is not this cluster's; nil where
// there is none.
func (l *Ledger) otherHolder(ctx context.Context, pool IPPool, cluster uuid.UUID) (*Allocation, error) {
	snap, err := l.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	allocations, err := l.Allocations(ctx, pool, snap)
	if err != nil {
		return nil, err
	}
	for _, a := range allocations {
		if a.Owner.Cluster != cluster {
			return &a, nil
		}
	}
	return nil, nil
}

// ReleaseReservation opens an IP pool for other clusters, after the cluster has
// released its last address. A reservation that is gone or another cluster's is
// left alone; that of UnknownCluster is one that cannot be read.
func (l *Ledger) ReleaseReservation(ctx context.Context, pool, cluster uuid.UUID) error {
	return l.releaseReservation(ctx, pool, cluster, func() (bool, error) { return true, nil })
}

// ReleaseIfUnused opens an IP pool for other clusters if none of its addresses is
// claimed any more: one list call at most beside those of ReleaseReservation. The
// cluster's lock must be held, and nothing of this run may be about to claim: a
// claim relies on the reservation that it once saw.
func (l *Ledger) ReleaseIfUnused(ctx context.Context, pool IPPool, cluster uuid.UUID) error {
	return l.releaseReservation(ctx, pool.ID, cluster, func() (bool, error) {
		snap, err := l.Snapshot(ctx)
		if err != nil {
			return false, err
		}
		return snap.Count(pool) == 0, nil
	})
}

// releaseReservation deletes a cluster's reservation if allowed returns true.
func (l *Ledger) releaseReservation(ctx context.Context, pool, cluster uuid.UUID, allowed func() (bool, error)) error {
	wrap := func(err error) error { return fmt.Errorf("release the reservation of IP pool %s: %w", pool, err) }
	for range maxAttempts {
		started := l.Clock.Now()
		holder, _, err := l.Reservation(ctx, pool)
		if errors.Is(err, ErrNotFound) || err == nil && holder != cluster {
			return nil
		}
		if err != nil {
			return err
		}
		if ok, err := allowed(); err != nil || !ok {
			if err != nil {
				err = wrap(err)
			}
			return err
		}

		if elapsed(l.Clock.Now(), started) > releaseWindow {
			continue
		}
		if err := l.store.Delete(ctx, derive(pool, reservationSuffix)); err != nil {
			return wrap(err)
		}
		return nil
	}
	return wrap(fmt.Errorf("vCenter took longer than %s to respond, %d times", releaseWindow, maxAttempts))
}

func (s *Snapshot) reservedFor(pool, cluster uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view(pool).reserved == cluster
}

func (s *Snapshot) markReserved(pool, cluster uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view(pool).reserved = cluster
}
