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
	description, err := encode(&reservationNote{Cluster: cluster, Since: stamp(l.Clock.Now())}, nil)
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
