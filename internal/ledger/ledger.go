package ledger

import (
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Kind is a kind of record.
type Kind string

// The kinds of records.
const (
	KindGateway Kind = "gateway"
	KindPool    Kind = "pool"
	KindAccount Kind = "account"
	KindCluster Kind = "cluster"
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

	store   Store
	vcenter string
	heard   hearing
}

// New makes a ledger of a vCenter, which is named by its instance UUID.
func New(store Store, vcenter string) *Ledger {
	return &Ledger{MaxClaims: DefaultMaxClaims, Clock: systemClock{}, store: store, vcenter: vcenter}
}

// namespace separates Gantry's derived ids from those of anybody else.
var namespace = uuid.MustParse("5d0c7a52-6b0e-4f0b-9f58-0a9e3c1b7d64")

// ID is the id of a record: the same for the same vCenter, kind, gateway and
// name, so that it is known before the record is there. gatewayID is empty for
// the system gateway.
func (l *Ledger) ID(kind Kind, gatewayID, name string) uuid.UUID {
	// Only the name, which comes last, could hold the separator.
	return uuid.NewSHA1(namespace, []byte(strings.Join([]string{l.vcenter, string(kind), gatewayID, name}, "\x00")))
}

// The names of a record's tags all begin with its id, and the ids are derived
// from what comes after it.

func claimSuffix(address string) string { return "/" + address }
func childSuffix(slot int) string       { return "@" + strconv.Itoa(slot) }
func lockSuffix(epoch int) string       { return "#" + strconv.Itoa(epoch) }
func chunkSuffix(generation, part int) string {
	return "+" + strconv.Itoa(generation) + "." + strconv.Itoa(part)
}

func restSuffix(address string) string { return "/" + address + "!rest" }

const reservationSuffix = "/!cluster"

// derive is uuid.NewSHA1 without its allocations: to find a pool's claims or a
// record's lock in a list, thousands of ids are derived.
func derive(base uuid.UUID, suffix string) uuid.UUID {
	var room [64]byte
	sum := sha1.Sum(append(append(room[:0], base[:]...), suffix...))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 5<<4
	id[8] = id[8]&0x3f | 0x80
	return id
}

// maxBytes is what a description may take: under 255.
const maxBytes = MaxDescription - 1

// encode is a description: compact JSON. Where it would be too long, the value
// of *cut is shortened until it fits.
func encode(v any, cut *string) (string, error) {
	for {
		raw, err := json.Marshal(v)
		if err != nil {
			return "", err
		}
		switch over := len(raw) - maxBytes; {
		case over <= 0:
			return string(raw), nil
		case cut == nil || *cut == "":
			return "", fmt.Errorf("%d bytes do not fit a tag's description of %d", len(raw), maxBytes)
		default:
			*cut = shorten(*cut, max(0, len(*cut)-over))
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

// stamp is how a moment stands in a description.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// moment reads a stamp; the zero time when there is none.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
