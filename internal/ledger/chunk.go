package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

const (
	// generations is how many numbers a body's chunks may carry. Each write picks
	// another one, so that chunks are only ever created and deleted, never
	// overwritten: a dead run that wakes in the middle of its write cannot mix
	// its chunks with those of its successor.
	generations = 256
	// nextGenerations is how many of the next numbers a writer picks from:
	// several, should a killed run's chunks be in the way, and few, so that a
	// number is reused late.
	nextGenerations = 8
	// maxParts bounds a body to about 4 KiB.
	maxParts = 16
	// fence encloses a chunk, so that nothing trims its white space.
	fence = "|"
)

// errTorn says that a body and its chunks do not belong together: a writer is
// at work.
var errTorn = errors.New("the body's parts do not belong together")

// pointer is the description of a record whose body is too long for it: the
// body's beginning, and where the rest of it is. With the beginning, a body of
// twice the length costs its reader one more call, and not two; and its schema
// version is known without one.
type pointer struct {
	generation, parts int
	checksum          string // of the whole body
	first             string
}

func (p pointer) String() string {
	return fmt.Sprintf("+%d.%d.%s", p.generation, p.parts, p.checksum) + fenced(p.first)
}

// parsePointer returns false for a description that is a body itself.
func parsePointer(description string) (pointer, bool) {
	place, first, ok := strings.Cut(description, fence)
	if !ok {
		return pointer{}, false
	}
	p := pointer{first: strings.TrimSuffix(first, fence)}
	n, err := fmt.Sscanf(place, "+%d.%d.%s", &p.generation, &p.parts, &p.checksum)
	if err != nil || n != 3 || p.String() != description {
		return pointer{}, false
	}
	if p.generation < 1 || p.generation > generations || p.parts < 1 || p.parts > maxParts {
		return pointer{}, false
	}
	return p, true
}

func fenced(part string) string { return fence + part + fence }

// unfenced returns false for a description that is not enclosed.
func unfenced(description string) (string, bool) {
	part := strings.TrimSuffix(strings.TrimPrefix(description, fence), fence)
	return part, fenced(part) == description
}

func checksum(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:8])
}

// writeChunks stores a body beside a record. It returns what the record's
// description has to be for the body to stand, and the chunks that it created. A
// short body needs none. current is the generation in use, 0 for none.
func (l *Ledger) writeChunks(ctx context.Context, id uuid.UUID, body []byte, current int) (string, pointer, error) {
	if len(body) <= maxBytes {
		return string(body), pointer{}, nil
	}
	first, parts, err := split(body)
	if err != nil {
		return "", pointer{}, err
	}
	if current == 0 {
		current = 1 + rand.IntN(generations)
	}
	for _, next := range rand.Perm(nextGenerations) { // none twice: one that is taken stays so
		p := pointer{
			generation: 1 + (current+next)%generations,
			parts:      len(parts),
			checksum:   checksum(body),
			first:      first,
		}
		created, err := l.createChunks(ctx, id, p, parts)
		if err == nil {
			return p.String(), p, nil
		}

		p.parts = created
		if errors.Is(err, ErrExists) {
			l.deleteChunks(ctx, id, p)
			continue // a killed run's chunks are in the way: another number
		}
		p.parts++ // the one that failed may be there
		l.deleteChunks(ctx, id, p)
		return "", pointer{}, err
	}
	return "", pointer{}, errors.New("no number is free for the parts of a long body")
}

// createChunks returns how many chunks it is known to have created.
func (l *Ledger) createChunks(ctx context.Context, id uuid.UUID, p pointer, parts []string) (int, error) {
	for k, part := range parts {
		suffix := chunkSuffix(p.generation, k)
		tag := Tag{ID: derive(id, suffix), Name: id.String() + suffix, Description: fenced(part)}
		if err := l.store.Create(ctx, tag); err != nil {
			return k, fmt.Errorf("write part %d of %d of the body: %w", k+1, len(parts), err)
		}
	}
	return len(parts), nil
}

// deleteChunks deletes chunks that no record points to, the last one first, so
// that where there is any there is the first. That it fails does no harm:
// Unregister finds them.
func (l *Ledger) deleteChunks(ctx context.Context, id uuid.UUID, p pointer) {
	for k := p.parts - 1; k >= 0; k-- {
		if l.store.Delete(ctx, derive(id, chunkSuffix(p.generation, k))) != nil {
			return
		}
	}
}

// readBody returns the body that a record's description stands for.
func (l *Ledger) readBody(ctx context.Context, id uuid.UUID, description string) ([]byte, error) {
	p, ok := parsePointer(description)
	if !ok {
		return []byte(description), nil
	}
	body := p.first
	for k := range p.parts {
		tag, err := l.store.Get(ctx, derive(id, chunkSuffix(p.generation, k)))
		if errors.Is(err, ErrNotFound) {
			return nil, errTorn
		}
		if err != nil {
			return nil, err
		}
		part, ok := unfenced(tag.Description)
		if !ok {
			return nil, errTorn
		}
		body += part
	}
	if checksum([]byte(body)) != p.checksum {
		return nil, errTorn
	}
	return []byte(body), nil
}

// split cuts a body into its beginning, which stands in the record's description,
// and the parts of the rest, never within a character.
func split(body []byte) (first string, parts []string, err error) {
	if !utf8.Valid(body) {
		return "", nil, errors.New("the body is not UTF-8")
	}
	longest := pointer{generation: generations, parts: maxParts, checksum: checksum(body)}
	const room = maxBytes - 2*len(fence)
	first = shorten(string(body), maxBytes-len(longest.String()))
	for rest := string(body[len(first):]); rest != ""; {
		part := shorten(rest, room)
		parts = append(parts, part)
		rest = rest[len(part):]
	}
	if len(parts) > maxParts {
		return "", nil, fmt.Errorf("the body has %d bytes; at most about %d can be kept", len(body), maxParts*room)
	}
	return first, parts, nil
}
