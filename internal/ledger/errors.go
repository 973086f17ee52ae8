package ledger

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The errors that callers tell apart.
var (
	// ErrExists is in the chain when what should be made is there already and
	// belongs to somebody else.
	ErrExists = errors.New("already exists")
	// ErrNotFound is in the chain when the tag is proven absent.
	ErrNotFound = errors.New("not found")
	// ErrLost is in the chain when a lease has ended: another run has taken
	// over, and this one must not change anything any more.
	ErrLost = errors.New("the lock is lost")
	// ErrLocked is in the chain when another run that is alive holds the lock.
	ErrLocked = errors.New("locked")
	// ErrExhausted is in the chain when a pool has no free address.
	ErrExhausted = errors.New("no free address")
	// ErrReserved is in the chain when a pool is reserved for another cluster.
	ErrReserved = errors.New("reserved for another cluster")
	// ErrCap is in the chain when the ledger holds as many tags as it may.
	ErrCap = errors.New("too many live claims")
	// ErrNotIssuable is in the chain when an address may not be handed out of
	// the pool.
	ErrNotIssuable = errors.New("not an address that the pool may issue")
	// ErrDamaged is in the chain when a record is there and cannot be read:
	// somebody has edited or deleted one of its tags.
	ErrDamaged = errors.New("a damaged record")
	// ErrInUse is in the chain when a record still has children.
	ErrInUse = errors.New("in use")
)

// RecordExistsError is Register's error: the name is taken.
type RecordExistsError struct {
	ID uuid.UUID
	// Existing is the record in the way; the zero Record when it may not be read.
	Existing Record
	Name     string
}

// Error names the record.
func (e *RecordExistsError) Error() string {
	return fmt.Sprintf("%s is registered already (record %s)", e.Name, e.ID)
}

// Unwrap is ErrExists.
func (e *RecordExistsError) Unwrap() error { return ErrExists }

// DamagedError says that a record's tags are not as Gantry wrote them.
type DamagedError struct {
	ID   uuid.UUID
	Name string // of the record's tag, as it is now
	// Renamed tells that it is the name that was edited.
	Renamed bool
	Why     string
}

// Error names the tag and what is wrong with it.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the tag %q of category gantry was edited: %s", e.Name, e.Why)
}

// Unwrap is ErrDamaged.
func (e *DamagedError) Unwrap() error { return ErrDamaged }

// InUseError is Unregister's error: other records depend on this one.
type InUseError struct {
	ID       uuid.UUID
	Children []string
}

// Error names the children.
func (e *InUseError) Error() string {
	return fmt.Sprintf("record %s is in use by %s", e.ID, strings.Join(e.Children, ", "))
}

// Unwrap is ErrInUse.
func (e *InUseError) Unwrap() error { return ErrInUse }

// ExhaustedError says that all addresses of a pool are taken.
type ExhaustedError struct {
	Pool  string // name
	ID    uuid.UUID
	Total int // addresses that may be issued
	Free  int
	// Holders counts the claims by cluster id, as far as this run has learned
	// who holds them; the empty id counts the others.
	Holders map[string]int
	// Resting counts the free addresses that rest after other clusters had
	// them; Next is when the first of them may be had, by vCenter's clock.
	Resting int
	Next    time.Time
	// Avoided counts the addresses that are in use without a claim.
	Avoided int
}

// Error gives the numbers, the largest holders first.
func (e *ExhaustedError) Error() string {
	type part struct {
		cluster string
		n       int
	}
	var parts []part
	for cluster, n := range e.Holders {
		if cluster != "" {
			parts = append(parts, part{cluster, n})
		}
	}
	slices.SortFunc(parts, func(a, b part) int {
		if a.n != b.n {
			return b.n - a.n
		}
		return strings.Compare(a.cluster, b.cluster)
	})
	var held []string
	for _, p := range parts {
		held = append(held, fmt.Sprintf("cluster %s holds %d", p.cluster, p.n))
	}
	if n := e.Holders[""]; n > 0 {
		held = append(held, fmt.Sprintf("others hold %d", n))
	}
	msg := fmt.Sprintf("IP pool %q has no free address: %d of %d are free", e.Pool, e.Free, e.Total)
	if len(held) > 0 {
		msg += "; " + strings.Join(held, ", ")
	}
	if e.Avoided > 0 {
		msg += fmt.Sprintf("; %d are in use by machines that have not claimed them", e.Avoided)
	}
	if e.Resting > 0 {
		msg += fmt.Sprintf("; %d rest since other clusters released them", e.Resting)
	}
	if !e.Next.IsZero() {
		msg += ", the next may be had at " + stamp(e.Next)
	}
	return msg
}

// Unwrap is ErrExhausted.
func (e *ExhaustedError) Unwrap() error { return ErrExhausted }

// ReservedError says that a pool which is restricted to a single cluster has
// one already.
type ReservedError struct {
	Pool    string // name
	ID      uuid.UUID
	Cluster string // id of the cluster that has it; empty when it may not be read
	Since   time.Time
}

// Error names the cluster.
func (e *ReservedError) Error() string {
	return fmt.Sprintf("IP pool %q is restricted to a single cluster, and cluster %s has it%s", e.Pool, known(e.Cluster), sinceWords(e.Since))
}

// Unwrap is ErrReserved.
func (e *ReservedError) Unwrap() error { return ErrReserved }

// HeldError says that another owner has an address.
type HeldError struct {
	Pool    string // name, or id where only that is known
	Address netip.Addr
	Owner   Owner // zero when it may not be read
	Since   time.Time
}

// Error names the owner.
func (e *HeldError) Error() string {
	return fmt.Sprintf("address %s of IP pool %q is held by node %s of cluster %s%s",
		e.Address, e.Pool, known(e.Owner.Node), known(e.Owner.Cluster), sinceWords(e.Since))
}

// Unwrap is ErrExists.
func (e *HeldError) Unwrap() error { return ErrExists }

// CapError says that the ledger of the vCenter is full.
type CapError struct{ Live, Cap int }

// Error gives the numbers.
func (e *CapError) Error() string {
	return fmt.Sprintf("the vCenter holds %d Gantry tags, and at most %d are allowed: release addresses that are not needed, use another vCenter, or allow more with the provider's max_claims, up to the 8,000 that vCenters are comfortable with", e.Live, e.Cap)
}

// Unwrap is ErrCap.
func (e *CapError) Unwrap() error { return ErrCap }

// LockedError says that another run works on a record and is alive.
type LockedError struct {
	Record           uuid.UUID
	Holder           string // host and process, as the holder named itself
	Since, Heartbeat time.Time
}

// Error names the holder.
func (e *LockedError) Error() string {
	msg := fmt.Sprintf("another run is working on it: %s%s", known(e.Holder), sinceWords(e.Since))
	if !e.Heartbeat.IsZero() {
		msg += ", last heard of at " + stamp(e.Heartbeat)
	}
	return msg
}

// Unwrap is ErrLocked.
func (e *LockedError) Unwrap() error { return ErrLocked }

// LostError says that a lease has ended, and who has taken over where that is
// known.
type LostError struct {
	Record uuid.UUID
	By     string
}

// Error names the new holder.
func (e *LostError) Error() string {
	if e.By == "" {
		return "this run no longer holds the lock"
	}
	return fmt.Sprintf("this run no longer holds the lock: %s has taken over", e.By)
}

// Unwrap is ErrLost.
func (e *LostError) Unwrap() error { return ErrLost }

func known(s string) string {
	if s == "" {
		return "(unknown)"
	}
	return s
}

func sinceWords(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + stamp(t)
}
