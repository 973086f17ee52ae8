package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Life is what the ledger alone says of a cluster or gateway, also while another run
// works on it.
type Life struct {
	ID uuid.UUID // of the record; a gateway's own
	// Record is the record; there is none before the first steps of a creation.
	Record model.Record
	Ref    record.Ref // the zero value where there is no record
	// Holder is the run that has its lock; nil: none.
	Holder *ledger.Holder
}

// ReadLife reads the life of what has the record: the calls of Ledger.Record and
// Ledger.LockHolder.
func ReadLife(ctx context.Context, l ledger.Reader, id uuid.UUID) (Life, error) {
	life := Life{ID: id}
	// The lock first: of a run that ends in between, the record says how.
	holder, err := l.LockHolder(ctx, id)
	if err != nil {
		return life, err
	}
	life.Holder = holder
	rec, err := l.Record(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		return life, nil
	}
	life.Ref = rec.Ref
	if err != nil {
		return life, err
	}
	body, err := rec.Cluster()
	life.Record = model.Record{Found: err == nil, Cluster: body}
	return life, err
}

// State is the life in one word; empty: there is no such thing, and none is being made.
func (l Life) State() model.State {
	alive := l.Holder != nil && !l.Holder.Dead
	rec := l.Record
	switch {
	case alive && l.Holder.Lock.Deletes:
		return model.StateDeleting
	case alive && !rec.Found:
		return model.StatePending
	case alive && !rec.Finished():
		return model.StateProvisioning
	case alive:
		return model.StateUpdating
	case !rec.Found:
		return ""
	case rec.Deleting, rec.Deletion.Progress != 0, l.Holder != nil && l.Holder.Lock.Deletes:
		return model.StateDeleting
	case !rec.Finished():
		return model.StateFailed
	case rec.Degraded, l.Holder != nil: // that one died
		return model.StateDegraded
	}
	return model.StateRunning
}

// Ran reports whether it has ever been Running.
func (l Life) Ran() bool { return l.Record.Finished() && !l.Record.NeverRan }

// Worker names the run that works on it.
func (l Life) Worker() string {
	if l.Holder == nil {
		return "no run"
	}
	return l.Holder.Lock.Words()
}

// ForCreation judges whether something new may be made through a gateway: through one
// that is being worked on it waits.
func (l Life) ForCreation(field model.Field) model.Findings {
	var f model.Findings
	name := l.Ref.Describe()
	switch state := l.State(); {
	case state == "":
		f.Refuse(field, "Gateway not found", "No gateway with the id %s is registered in this vCenter. Reference the id of a gantry_gateway "+
			"resource or data source, and do not write it out.", l.ID)
	case state == model.StatePending:
		f.Warn(field, "The gateway is being made", "The gateway with the id %s is being made by another run: %s. The apply waits for it.",
			l.ID, l.Worker())
	case state == model.StateDeleting:
		f.Refuse(field, "The gateway is being deleted", "The deletion of %s has begun, and nothing new is made through it. "+
			"Use another gateway, or apply the configuration of this one to keep it, and then this one.", name)
	case state == model.StateFailed:
		f.Refuse(field, "The gateway is Failed", "The creation of %s has not come so far that its API answered. "+
			"Apply its configuration again, and then this one.", name)
	case state == model.StateProvisioning, state == model.StateUpdating:
		f.Warn(field, "The gateway is being worked on", "Another run is working on %s, which is %s: %s. The apply waits for it, "+
			"as long as its own time allows.", name, state, l.Worker())
	case !l.Ran():
		f.Refuse(field, "The gateway has never been Running", "Something that the configuration of %s asks for, such as its agents, "+
			"has never come up. Apply its configuration until its state is Running, and then this one.", name)
	case state == model.StateDegraded:
		f.Warn(field, "The gateway is Degraded", "Something that the configuration of %s asks for is not there, or the last run did not end. "+
			"What is made through it does not need its agents; a plan of the gateway says what is wrong.", name)
	}
	return f
}

// AwaitGateway waits until no other run works on a gateway, and returns its life then.
// waited is nil where there was nothing to wait for. Where ctx ends before, the error
// names the run that works on it.
func AwaitGateway(ctx context.Context, l *ledger.Ledger, id uuid.UUID) (life Life, waited *ledger.Waited, err error) {
	life, err = ReadLife(ctx, l, id)
	if err != nil || life.Holder == nil || life.Holder.Dead || life.Holder.Lock.Deletes {
		return life, nil, err
	}
	if waited, err = l.WaitForHolder(ctx, id); err != nil {
		return life, nil, fmt.Errorf("wait for gateway %s: %w", id, err)
	}
	life, err = ReadLife(ctx, l, id)
	return life, waited, err
}
