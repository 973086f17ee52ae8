package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/google/uuid"
)

// Record is a registered gateway, pool, account or cluster.
type Record struct {
	Kind      Kind
	Name      string
	GatewayID string // empty: the system gateway
	Body      []byte // JSON
}

// TagName is the name of the record's tag in vCenter.
func (r Record) TagName() string {
	gateway := r.GatewayID
	if gateway == "" {
		gateway = "-"
	}
	return string(r.Kind) + ":" + gateway + "/" + r.Name
}

// recordOf reads the name of a record's tag.
func recordOf(tagName string) (Record, error) {
	kind, rest, ok := strings.Cut(tagName, ":")
	gateway, name, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || kind == "" || gateway == "" || name == "" {
		return Record{}, fmt.Errorf("%q is not the name of a record", tagName)
	}
	if gateway == "-" {
		gateway = ""
	}
	return Record{Kind: Kind(kind), GatewayID: gateway, Name: name}, nil
}

func (r Record) check() error {
	switch {
	case r.Name == "" || strings.ContainsFunc(r.Name, unicode.IsControl) || strings.TrimSpace(r.Name) != r.Name:
		return fmt.Errorf("%q is not a name for a record", r.Name)
	case strings.ContainsAny(r.GatewayID, "/:"):
		return fmt.Errorf("%q is not the id of a gateway", r.GatewayID)
	case len(r.TagName()) > MaxName:
		return fmt.Errorf("the name is too long: a record's tag %q has more than %d bytes", r.TagName(), MaxName)
	}
	return nil
}

// Register makes a record and answers its id, which is ID of its parts. What
// belongs to a gateway is noted as its child, as "IP pool nodes" or "cluster
// prod", and a pool for Pools. When the name is taken, the error is a
// *RecordExistsError with the record that is there. After an error of another
// kind the record may or may not be there; Register again.
func (l *Ledger) Register(ctx context.Context, r Record) (uuid.UUID, error) {
	id := l.ID(r.Kind, r.GatewayID, r.Name)
	if err := r.check(); err != nil {
		return id, err
	}
	body, err := compact(r.Body)
	if err != nil {
		return id, fmt.Errorf("register %s: %w", r.TagName(), err)
	}
	if err := l.link(ctx, id, r); err != nil {
		return id, fmt.Errorf("register %s: %w", r.TagName(), err)
	}
	head, where, err := l.writeChunks(ctx, id, body, 0)
	if err != nil {
		return id, fmt.Errorf("register %s: %w", r.TagName(), err)
	}
	err = l.store.Create(ctx, Tag{ID: id, Name: r.TagName(), Description: head})
	if errors.Is(err, ErrExists) {
		l.dropChunks(ctx, id, where)
		existing, rerr := l.Record(ctx, id)
		if rerr != nil && !errors.Is(rerr, ErrNotFound) {
			return id, fmt.Errorf("%s is registered already, and cannot be read: %w", r.TagName(), errors.Join(ErrExists, rerr))
		}
		return id, &RecordExistsError{ID: id, Existing: existing, Name: r.TagName()}
	}
	if err != nil {
		return id, fmt.Errorf("register %s: %w", r.TagName(), err)
	}
	return id, nil
}

// rereads is how often a reader starts over when a writer is at work under it.
const rereads = 5

// Record reads a record; ErrNotFound when there is none, a *DamagedError when
// its tags are not as they were written. One call, and one for each chunk of a
// long body.
func (l *Ledger) Record(ctx context.Context, id uuid.UUID) (Record, error) {
	var tag Tag
	for range rereads {
		var err error
		if tag, err = l.store.Get(ctx, id); err != nil {
			return Record{}, fmt.Errorf("read record %s: %w", id, err)
		}
		r, err := recordOf(tag.Name)
		if err != nil || l.ID(r.Kind, r.GatewayID, r.Name) != id {
			return Record{}, &DamagedError{ID: id, Name: tag.Name, Renamed: true, Why: fmt.Sprintf("its name is not that of the record with the id %s", id)}
		}
		r.Body, err = l.readBody(ctx, id, tag.Description)
		switch {
		case errors.Is(err, errTorn):
			continue // a writer is at work, perhaps
		case err != nil:
			return Record{}, fmt.Errorf("read %s: %w", tag.Name, err)
		case !json.Valid(r.Body):
			return r, &DamagedError{ID: id, Name: tag.Name, Why: "its description is not JSON"}
		}
		return r, nil
	}
	r, _ := recordOf(tag.Name)
	return r, &DamagedError{ID: id, Name: tag.Name, Why: "the parts of its description are not there, or do not belong together"}
}

// UpdateRecord replaces a record's body; ErrNotFound when there is no such
// record. A reader sees the old body or the new one, wherever the writer dies.
// After an error either may stand. What rests of a pool's addresses is
// forgotten for those that the new body has no more.
func (l *Ledger) UpdateRecord(ctx context.Context, id uuid.UUID, body []byte) error {
	body, err := compact(body)
	if err != nil {
		return fmt.Errorf("update record %s: %w", id, err)
	}
	tag, err := l.store.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("update record %s: %w", id, err)
	}
	if r, err := recordOf(tag.Name); err == nil && r.Kind == KindPool {
		if err := l.poolChanges(ctx, id, r, tag.Description, body); err != nil {
			return fmt.Errorf("update %s: %w", tag.Name, err)
		}
	}
	old, _ := parsePointer(tag.Description)
	head, _, err := l.writeChunks(ctx, id, body, old.generation)
	if err != nil {
		return fmt.Errorf("update %s: %w", tag.Name, err)
	}
	if err := l.store.Update(ctx, id, head); err != nil {
		return fmt.Errorf("update %s: %w", tag.Name, err)
	}
	// The new body stands. What cannot be deleted now is left for Unregister.
	l.dropChunks(ctx, id, old)
	return nil
}

func compact(body []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, body); err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	return out.Bytes(), nil
}

// idSet is what one list call saw.
type idSet map[uuid.UUID]struct{}

func (s idSet) has(id uuid.UUID) bool {
	_, ok := s[id]
	return ok
}

func (l *Ledger) listed(ctx context.Context) (idSet, error) {
	ids, err := l.store.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the ledger's tags: %w", err)
	}
	set := make(idSet, len(ids))
	for _, id := range ids {
		set[id] = struct{}{}
	}
	return set, nil
}
