package ledger

import (
	"context"
	"crypto/sha1"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// DefaultMaxClaims is how many tags a vCenter may hold before claims are
// refused: half of what vCenters are comfortable with, since Gantry is not the
// only one that tags.
const DefaultMaxClaims = 4000

// Ledger is the ledger of one vCenter. Its methods may be used concurrently.
type Ledger struct {
	// MaxClaims caps the tags of the ledger in this vCenter; New sets
	// DefaultMaxClaims. Claims are nearly all of them.
	MaxClaims int
	// Clock is the local clock; New sets the system's.
	Clock Clock
	// Waiting is called where Lock begins to wait for another run, and for how long it
	// waits since that one's last heartbeat. It may be nil.
	Waiting func(ctx context.Context, holder *LockedError, patience time.Duration)

	store        Store
	shared       *trackedStore // the same, for readers that share
	vcenter      string
	vcenterClock clockSample

	mu     sync.Mutex
	leases map[uuid.UUID]*Lease // held through this Ledger, by record
	turns  turns
}

// New returns the ledger of a vCenter, which is named by its instance UUID.
func New(store Store, vcenter string) *Ledger {
	tracked := newTrackedStore(store)
	return &Ledger{
		MaxClaims: DefaultMaxClaims,
		Clock:     systemClock{},
		store:     tracked,
		shared:    tracked,
		vcenter:   vcenter,
		leases:    map[uuid.UUID]*Lease{},
	}
}

// namespace separates Gantry's derived ids from all others.
var namespace = uuid.MustParse("5d0c7a52-6b0e-4f0b-9f58-0a9e3c1b7d64")

// ID returns the id of a record: the same for the same vCenter and reference, so
// that it is known before the record exists.
func (l *Ledger) ID(ref record.Ref) uuid.UUID {
	gateway := ""
	if ref.GatewayID != uuid.Nil {
		gateway = ref.GatewayID.String()
	}
	// Only the name, which comes last, could hold the separator.
	parts := []string{l.vcenter, string(ref.Kind), gateway, ref.Name}
	return uuid.NewSHA1(namespace, []byte(strings.Join(parts, "\x00")))
}

// The names of a record's tags begin with its id, and their ids are derived from
// what comes after it.

func claimSuffix(address string) string    { return "/" + address }
func cooldownSuffix(address string) string { return "/" + address + cooldownMark }
func childSuffix(slot int) string          { return "@" + strconv.Itoa(slot) }
func lockSuffix(epoch int) string          { return "#" + strconv.Itoa(epoch) }
func chunkSuffix(generation, part int) string {
	return "+" + strconv.Itoa(generation) + "." + strconv.Itoa(part)
}

const (
	cooldownMark      = "!cooldown"
	reservationSuffix = "/!cluster"
)

// derive is uuid.NewSHA1 without its allocations: to find a pool's claims or a
// record's lock in a list, thousands of ids are derived.
func derive(base uuid.UUID, suffix string) uuid.UUID {
	var buffer [64]byte
	sum := sha1.Sum(append(append(buffer[:0], base[:]...), suffix...))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 5<<4
	id[8] = id[8]&0x3f | 0x80
	return id
}

// createOrGet creates a tag, and returns the description of the one that is there
// in the end; nothing for a tag that may not be read, and where the name is another
// tag's.
func (l *Ledger) createOrGet(ctx context.Context, tag Tag) (string, error) {
	// Twice: what was in the way may be gone by the time it is read.
	for range 2 {
		err := l.store.Create(ctx, tag)
		if err == nil {
			return tag.Description, nil
		}
		if !errors.Is(err, ErrExists) {
			return "", err
		}
		there, err := l.store.Get(ctx, tag.ID)
		switch {
		case err == nil:
			return there.Description, nil
		case errors.Is(err, ErrUnreadable):
			return "", nil
		case !errors.Is(err, ErrNotFound):
			return "", err
		}
	}
	return "", nil
}

// maxBytes is what a description may take: under 255.
const maxBytes = MaxDescription - 1

// encode returns a description: compact JSON. Where it would be too long, the
// value of *shortenable is shortened until it fits.
func encode(v any, shortenable *string) (string, error) {
	for {
		raw, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		switch over := len(raw) - maxBytes; {
		case over <= 0:
			return string(raw), nil
		case shortenable == nil || *shortenable == "":
			return "", fmt.Errorf("%d bytes do not fit a tag's description of %d", len(raw), maxBytes)
		default:
			*shortenable = shorten(*shortenable, max(0, len(*shortenable)-over))
		}
	}
}

// shorten cuts a string to at most n bytes without splitting a character.
func shorten(s string, n int) string {
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:min(n, len(s))]
}

// formatTime returns a time as descriptions hold it, in full seconds.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// parseTime reads what formatTime writes; the zero time for anything else.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
