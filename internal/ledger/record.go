package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Record is the record of a gateway, cloud account, IP pool, cluster or image.
type Record struct {
	record.Ref
	Body []byte // JSON
}

// NewRecord returns the record of a body of package record.
func NewRecord(ref record.Ref, body any) (Record, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return Record{}, fmt.Errorf("encode the record of %s: %w", ref.Describe(), err)
	}
	return Record{Ref: ref, Body: raw}, nil
}

// Cluster decodes the body of a cluster's or gateway's record. Errors are a
// *DamagedError or a *record.NewerError.
func (r Record) Cluster() (body record.Cluster, err error) {
	err = r.decode(&body, record.KindCluster, record.KindGateway)
	return body, err
}

// IPPool decodes the body of an IP pool's record, whose addresses are valid.
// Errors are a *DamagedError or a *record.NewerError.
func (r Record) IPPool() (body record.IPPool, err error) {
	if err := r.decode(&body, record.KindIPPool); err != nil {
		return body, err
	}
	if _, err := body.Addresses(); err != nil {
		return body, r.malformed(err)
	}
	return body, nil
}

// CloudAccount decodes the body of a cloud account's record. Errors are a
// *DamagedError or a *record.NewerError.
func (r Record) CloudAccount() (body record.CloudAccount, err error) {
	err = r.decode(&body, record.KindCloudAccount)
	return body, err
}

// Image decodes the body of an image's record. Errors are a *DamagedError or a
// *record.NewerError.
func (r Record) Image() (body record.Image, err error) {
	err = r.decode(&body, record.KindImage)
	return body, err
}

func (r Record) decode(body any, kinds ...record.Kind) error {
	if !slices.Contains(kinds, r.Kind) {
		return r.malformed(errors.New("it is of another kind"))
	}
	err := json.Unmarshal(r.Body, body)
	var newer *record.NewerError
	if errors.As(err, &newer) {
		return &record.NewerError{Ref: r.Ref, Version: newer.Version}
	}
	if err != nil {
		return r.malformed(err)
	}
	return nil
}

func (r Record) malformed(err error) error {
	return &DamagedError{Name: r.String(), Why: fmt.Sprintf("its description makes no %s: %s", r.Kind, err)}
}

// checkNewer returns a *record.NewerError for a record tag that this provider
// does not understand. Where the body's version stands is the same in every
// version, and so is how a long body is split.
func (l *Ledger) checkNewer(tag Tag) error {
	start := tag.Description
	if p, ok := parsePointer(start); ok {
		start = p.first
	}
	var newer *record.NewerError
	if !errors.As(record.CheckVersion([]byte(start)), &newer) {
		return nil
	}
	newer.Ref, _ = l.refOf(tag)
	return newer
}

// refOf reads the name of a record's tag; false where it is not that of the record
// with the tag's id, which means that the tag was renamed.
func (l *Ledger) refOf(tag Tag) (record.Ref, bool) {
	ref, err := record.ParseRef(tag.Name)
	if err != nil || l.ID(ref) != tag.ID {
		return record.Ref{}, false
	}
	return ref, true
}

// Register creates a record and returns its id, which is ID of its reference. A
// record that belongs to a gateway is noted as its child, and an IP pool for
// IPPools. Where the name is taken, the error is a *RecordExistsError. After an
// error of another kind the record may or may not exist; Register again. It does so
// once by itself: where an answer was lost, the record that it finds is the one that it
// has made.
func (l *Ledger) Register(ctx context.Context, r Record) (uuid.UUID, error) {
	id, err := l.register(ctx, r)
	if err == nil || errors.Is(err, ErrExists) || ctx.Err() != nil {
		return id, err
	}
	id, again := l.register(ctx, r)
	var exists *RecordExistsError
	if errors.As(again, &exists) && exists.Holds(r.Body) {
		l.notePresence(id, present)
		return id, nil
	}
	return id, again
}

func (l *Ledger) register(ctx context.Context, r Record) (uuid.UUID, error) {
	id := l.ID(r.Ref)
	wrap := func(err error) error { return fmt.Errorf("register %s: %w", r.Ref, err) }
	if err := r.Validate(); err != nil {
		return id, err
	}
	body, err := compact(r.Body)
	if err != nil {
		return id, wrap(err)
	}

	if err := l.link(ctx, id, r.Ref); err != nil {
		return id, wrap(err)
	}
	description, chunks, err := l.writeChunks(ctx, id, body, 0)
	if err != nil {
		return id, wrap(err)
	}
	tag := Tag{ID: id, Name: r.String(), Description: description}
	err = l.store.Create(ctx, tag)
	if errors.Is(err, ErrExists) {
		l.deleteChunks(ctx, id, chunks)
		existing, rerr := l.Record(ctx, id)
		if errors.Is(rerr, ErrNotFound) {
			rerr = nil // the name is another tag's, or it is gone again
		}
		return id, &RecordExistsError{ID: id, Ref: r.Ref, Existing: existing, Unreadable: rerr}
	}
	if err != nil {
		l.notePresence(id, presenceUnknown)
		return id, wrap(err)
	}
	l.notePresence(id, present)
	l.noteWritten(id, &tag)
	return id, nil
}

// maxAttempts is how often an operation starts over when another run is at work
// under it, or vCenter is slow.
const maxAttempts = 5

// Record reads a record: one call, unless this run has written it under the lock that
// it holds, and one for each chunk of a long body.
// ErrNotFound: there is none. A *DamagedError: its tags are not as they were
// written. A *record.NewerError: it is not understood. In both cases the record
// has no body, and no reference where its tag was renamed.
func (l *Ledger) Record(ctx context.Context, id uuid.UUID) (Record, error) {
	var r Record
	for range maxAttempts {
		tag, err := l.recordTag(ctx, id)
		if err != nil {
			return Record{}, fmt.Errorf("read record %s: %w", id, err)
		}
		ref, ok := l.refOf(tag)
		r = Record{Ref: ref}
		if err := l.checkNewer(tag); err != nil {
			return r, err
		}
		if !ok {
			return r, &DamagedError{Name: tag.Name, Renamed: true,
				Why: fmt.Sprintf("its name is not that of the record with the id %s", id)}
		}

		body, err := l.readBody(ctx, id, tag.Description)
		switch {
		case errors.Is(err, errTorn):
			continue // a writer may be at work
		case err != nil:
			return r, fmt.Errorf("read %s: %w", tag.Name, err)
		case !json.Valid(body):
			return r, &DamagedError{Name: tag.Name, Why: "its description is not JSON"}
		}
		r.Body = body
		return r, nil
	}
	return r, &DamagedError{Name: r.String(), Why: "the parts of its description are not there, or do not belong together"}
}

// UpdateRecord replaces a record's body; ErrNotFound where there is no such
// record. A reader sees the old body or the new one, wherever the writer dies.
// After an error either may stand. A body of a newer version is a
// *record.NewerError and stands. Of an IP pool, the cool-downs of addresses that
// the new body no longer has are deleted.
func (l *Ledger) UpdateRecord(ctx context.Context, id uuid.UUID, body []byte) error {
	body, err := compact(body)
	if err != nil {
		return fmt.Errorf("update record %s: %w", id, err)
	}
	tag, err := l.recordTag(ctx, id)
	if err != nil {
		return fmt.Errorf("update record %s: %w", id, err)
	}
	l.noteWritten(id, nil) // until the new one is known to stand
	wrap := func(err error) error { return fmt.Errorf("update %s: %w", tag.Name, err) }
	if err := l.checkNewer(tag); err != nil {
		return wrap(err)
	}

	if ref, err := record.ParseRef(tag.Name); err == nil && ref.Kind == record.KindIPPool {
		if err := l.prepareIPPoolUpdate(ctx, id, ref, tag.Description, body); err != nil {
			return wrap(err)
		}
	}
	old, _ := parsePointer(tag.Description)
	description, _, err := l.writeChunks(ctx, id, body, old.generation)
	if err != nil {
		return wrap(err)
	}
	if err := l.store.Update(ctx, id, description); err != nil {
		return wrap(err)
	}
	tag.Description = description
	l.noteWritten(id, &tag)
	// The new body stands. What cannot be deleted now is left for Unregister.
	l.deleteChunks(ctx, id, old)
	return nil
}

func compact(body []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, body); err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	return out.Bytes(), nil
}

// idSet is what a list call returned.
type idSet map[uuid.UUID]struct{}

func (s idSet) has(id uuid.UUID) bool {
	_, ok := s[id]
	return ok
}

func (l *Ledger) list(ctx context.Context) (idSet, error) { return l.listWith(ctx, l.store.List) }

func (l *Ledger) listWith(ctx context.Context, list func(context.Context) ([]uuid.UUID, error)) (idSet, error) {
	ids, err := list(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the ledger's tags: %w", err)
	}
	set := make(idSet, len(ids))
	for _, id := range ids {
		set[id] = struct{}{}
	}
	return set, nil
}
