package ledger

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// The errors that callers distinguish, beside record.ErrNewer.
var (
	// ErrExists is in the chain when what should be created exists already and
	// belongs to another owner.
	ErrExists = errors.New("already exists")
	// ErrNotFound is in the chain when the tag is proven absent.
	ErrNotFound = errors.New("not found")
	// ErrUnreadable is in the chain when a tag may exist and may not be read.
	ErrUnreadable = errors.New("not readable")
	// ErrLost is in the chain when a lease has ended: another run has taken
	// over, and this one must not change anything any more.
	ErrLost = errors.New("the lock is lost")
	// ErrLocked is in the chain when another run that is alive holds the lock.
	ErrLocked = errors.New("locked")
	// ErrExhausted is in the chain when an IP pool has no free address.
	ErrExhausted = errors.New("no free address")
	// ErrReserved is in the chain when an IP pool is reserved for another cluster.
	ErrReserved = errors.New("reserved for another cluster")
	// ErrCap is in the chain when the ledger holds as many tags as it may.
	ErrCap = errors.New("too many live claims")
	// ErrNotIssuable is in the chain when an address may not be issued from the IP
	// pool.
	ErrNotIssuable = errors.New("not an address that the IP pool may issue")
	// ErrDamaged is in the chain when a record exists and cannot be read: one of
	// its tags was edited or deleted.
	ErrDamaged = errors.New("a damaged record")
	// ErrInUse is in the chain when a record still has dependents.
	ErrInUse = errors.New("in use")
)

// RecordExistsError is Register's error: the name is taken.
type RecordExistsError struct {
	ID  uuid.UUID
	Ref record.Ref
	// Existing is the record in the way; without a body where it cannot be read,
	// and Unreadable says why, unless the name is another tag's.
	Existing   Record
	Unreadable error
}

// Holds reports whether the record in the way has this body.
func (e *RecordExistsError) Holds(body []byte) bool {
	wanted, err := compact(body)
	return err == nil && bytes.Equal(e.Existing.Body, wanted)
}

// Error names the record.
func (e *RecordExistsError) Error() string {
	msg := fmt.Sprintf("%s is registered already (record %s)", e.Ref, e.ID)
	if e.Unreadable != nil {
		msg += fmt.Sprintf(", and cannot be read: %s", e.Unreadable)
	}
	return msg
}

// Unwrap returns ErrExists and why the record cannot be read.
func (e *RecordExistsError) Unwrap() []error {
	if e.Unreadable == nil {
		return []error{ErrExists}
	}
	return []error{ErrExists, e.Unreadable}
}

// DamagedError says that a record's tags are not as Gantry wrote them.
type DamagedError struct {
	Name string // of the record's tag, as it is now
	// Renamed is set where it is the name that was edited.
	Renamed bool
	Why     string
}

// Error names the tag and what is wrong with it.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the tag %q of category gantry was edited: %s", e.Name, e.Why)
}

// Unwrap returns ErrDamaged.
func (e *DamagedError) Unwrap() error { return ErrDamaged }

// InUseError is Unregister's error: the record has children, or an IP pool
// claims.
type InUseError struct {
	ID        uuid.UUID
	Children  []record.Ref
	Addresses []netip.Addr
}

// Dependents describes what uses the record.
func (e *InUseError) Dependents() []string {
	var dependents []string
	for _, child := range e.Children {
		dependents = append(dependents, child.Describe())
	}
	for _, addr := range e.Addresses {
		dependents = append(dependents, "the claim of "+addr.String())
	}
	return dependents
}

// Error names the dependents.
func (e *InUseError) Error() string {
	return fmt.Sprintf("record %s is in use by %s", e.ID, strings.Join(e.Dependents(), ", "))
}

// Unwrap returns ErrInUse.
func (e *InUseError) Unwrap() error { return ErrInUse }

// ExhaustedError says that all addresses of an IP pool are taken.
type ExhaustedError struct {
	IPPool string // name
	ID     uuid.UUID
	Total  int // addresses that may be issued
	Free   int
	// Holders counts the claims by cluster id, as far as this run has learned
	// who holds them; UnknownCluster counts the others.
	Holders map[uuid.UUID]int
	// CoolingDown counts the free addresses that cool down after other clusters
	// released them; Next is when the first of them is available, by vCenter's
	// clock.
	CoolingDown int
	Next        time.Time
	// Avoided counts the addresses that are in use without a claim.
	Avoided int
}

// Error gives the numbers, the largest holders first.
func (e *ExhaustedError) Error() string {
	msg := fmt.Sprintf("IP pool %q has no free address: %d of %d are free", e.IPPool, e.Free, e.Total)
	if holders := e.holders(); len(holders) > 0 {
		msg += "; " + strings.Join(holders, ", ")
	}
	if e.Avoided > 0 {
		msg += fmt.Sprintf("; in use by machines that have not claimed them: %d", e.Avoided)
	}
	if e.CoolingDown > 0 {
		msg += fmt.Sprintf("; cooling down after other clusters released them: %d", e.CoolingDown)
	}
	if !e.Next.IsZero() {
		msg += ", the next is available at " + formatTime(e.Next)
	}
	return msg
}

// holders describes who holds how many, the largest first.
func (e *ExhaustedError) holders() []string {
	var clusters []uuid.UUID
	for cluster := range e.Holders {
		if cluster != UnknownCluster {
			clusters = append(clusters, cluster)
		}
	}
	slices.SortFunc(clusters, func(a, b uuid.UUID) int {
		return cmp.Or(cmp.Compare(e.Holders[b], e.Holders[a]), slices.Compare(a[:], b[:]))
	})

	var holders []string
	for _, cluster := range clusters {
		holders = append(holders, fmt.Sprintf("cluster %s holds %d", cluster, e.Holders[cluster]))
	}
	if n := e.Holders[UnknownCluster]; n > 0 {
		holders = append(holders, fmt.Sprintf("others hold %d", n))
	}
	return holders
}

// Unwrap returns ErrExhausted.
func (e *ExhaustedError) Unwrap() error { return ErrExhausted }

// ReservedError says that an IP pool which is restricted to a single cluster has
// one already.
type ReservedError struct {
	IPPool  string // name, or id where only that is known
	ID      uuid.UUID
	Cluster uuid.UUID // UnknownCluster where it cannot be read
	Since   time.Time
}

// Error names the cluster.
func (e *ReservedError) Error() string {
	return fmt.Sprintf("IP pool %q is restricted to a single cluster, and cluster %s has it%s",
		e.IPPool, clusterLabel(e.Cluster), sinceSuffix(e.Since))
}

// Unwrap returns ErrReserved.
func (e *ReservedError) Unwrap() error { return ErrReserved }

// HeldError says that another owner has an address.
type HeldError struct {
	IPPool  string // name, or id where only that is known
	Address netip.Addr
	Owner   Owner
	Since   time.Time
}

// Error names the owner.
func (e *HeldError) Error() string {
	return fmt.Sprintf("address %s of IP pool %q is held by node %s of cluster %s%s",
		e.Address, e.IPPool, orUnknown(e.Owner.Node), clusterLabel(e.Owner.Cluster), sinceSuffix(e.Since))
}

// Unwrap returns ErrExists.
func (e *HeldError) Unwrap() error { return ErrExists }

// CapError says that the ledger of the vCenter is full.
type CapError struct{ Live, Cap int }

// Error gives the numbers.
func (e *CapError) Error() string {
	return fmt.Sprintf("the vCenter holds %d Gantry tags, and at most %d are allowed: release addresses that are not needed, "+
		"use another vCenter, or allow more with the provider's max_claims, up to the 8,000 that vCenters are comfortable with", e.Live, e.Cap)
}

// Unwrap returns ErrCap.
func (e *CapError) Unwrap() error { return ErrCap }

// LockedError says that another run works on a record and is alive.
type LockedError struct {
	Record           uuid.UUID
	Holder           string // host and process, as the holder named itself
	Deletes          bool   // what the record is of
	Since, Heartbeat time.Time
}

// Error names the holder.
func (e *LockedError) Error() string {
	return fmt.Sprintf("another run is working on it: %s. It is alive: wait until it has ended, or end it, and apply again. "+
		"The lock of a run that was killed is taken over %s after its last heartbeat", e.Words(), staleAfter)
}

// Words name the run, and when it was last heard from.
func (e *LockedError) Words() string {
	msg := orUnknown(e.Holder) + sinceSuffix(e.Since)
	if !e.Heartbeat.IsZero() {
		msg += ", with its last heartbeat at " + formatTime(e.Heartbeat)
	}
	return msg
}

// Unwrap returns ErrLocked.
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

// Unwrap returns ErrLost.
func (e *LostError) Unwrap() error { return ErrLost }

func orUnknown(s string) string { return cmp.Or(s, "(unknown)") }

func clusterLabel(id uuid.UUID) string {
	if !isCluster(id) {
		return "(unknown)"
	}
	return id.String()
}

func sinceSuffix(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " since " + formatTime(t)
}
