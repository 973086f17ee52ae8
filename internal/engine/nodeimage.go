package engine

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// ImageTarget is an image that a state holds.
type ImageTarget struct {
	model.ImageIdentity
	Name        string             // of the resource
	RecordID    uuid.UUID          // of the image in the ledger
	Incarnation record.Incarnation // by which the resource is known as a holder
	Takes       record.Incarnation // of a holder in whose place this one is; empty: of none
}

func (t ImageTarget) ref() record.Ref { return record.Ref{Kind: record.KindImage, Name: t.Name} }

// PlanImage finds what speaks against making an image that is no cluster's, and what the names of its
// spec mean. It changes nothing.
func (e *Engine) PlanImage(ctx context.Context, spec model.ClusterSpec) (*model.Plan, model.Site, error) {
	o := e.planner()
	w, err := o.Image(ctx, &spec, record.Builder{})
	if err != nil {
		return nil, model.Site{}, err
	}
	p := plan.NodeImage(&spec, w.Limits.Site)
	if base := spec.Image.Source(); base.OVA != nil && !p.Empty() && e.Images != nil {
		if err := e.Images.Check(*base.OVA); err != nil {
			w.Limits.Findings.Refuse(model.ClusterField(model.FieldTemplate), "The OVA is not there",
				"The image has to be built of it, and %s. Set the path of the OVA on the machine that runs Terraform, or its URL.", err)
		}
	}
	o.ReadPrivileges(ctx, w, e.User, plan.NodeImagePrivileges(&spec, &w.Facts, p, w.Limits.Site), "")
	w.Limits.FreeClaims = e.Ledger.MaxClaims - w.Snapshot.Live()
	plan.CheckNodeImage(&spec, &w.Facts, p, &w.Limits)
	p.Add(w.Limits.Findings) // also of what matters only when the image has to be made again
	return p, w.Limits.Site, nil
}

// MakeImage makes an image that is no cluster's, unless it is there, and notes who holds it. Killed
// anywhere, the next call goes on. What has failed leaves nothing, or what the next call clears.
func (e *Engine) MakeImage(ctx context.Context, spec model.ClusterSpec, holder record.ImageHolder) (*model.MadeImage, error) {
	ctx, progress, ended := e.begin(ctx, model.RunApply, spec.Ref)
	made, err := e.makeImage(ctx, spec, holder, progress)
	ended(err)
	return made, err
}

func (e *Engine) makeImage(
	ctx context.Context, spec model.ClusterSpec, holder record.ImageHolder, progress *run.Progress,
) (*model.MadeImage, error) {
	var found *model.FoundImage
	err := run.Retry(ctx, e.Timing, func(ctx context.Context) (err error) {
		found, err = e.Builder.FindImage(ctx, model.ImageQuery{Datacenter: spec.Datacenter, Image: spec.Image})
		return err
	})
	if err != nil {
		return nil, err
	}
	spec.ID = e.Ledger.ID(record.ImageRef(found.Datacenter, found.Image.RecordKey()))
	ctx, lease, err := e.lockImage(ctx, spec.ID, spec.Ref)
	if err != nil {
		return nil, err
	}
	made, err := e.makeImageUnderLock(ctx, spec, found.Image, holder, lease, progress)
	return made, release(ctx, lease, err)
}

func (e *Engine) makeImageUnderLock(
	ctx context.Context, spec model.ClusterSpec, image model.Image, holder record.ImageHolder, lease *ledger.Lease, progress *run.Progress,
) (*model.MadeImage, error) {
	var w *observe.World
	err := run.Retry(ctx, e.Timing, func(ctx context.Context) error {
		builder, err := e.notedBuilder(ctx, &spec)
		if err == nil {
			w, err = e.observer(true).Image(ctx, &spec, builder)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p := plan.NodeImage(&spec, w.Limits.Site)
	w.Limits.FreeClaims = e.Ledger.MaxClaims - w.Snapshot.Live()
	plan.CheckNodeImage(&spec, &w.Facts, p, &w.Limits)
	p.Add(missingPools(p))
	if err := p.Err(); err != nil {
		return nil, err
	}
	r := e.runner(e.Builder, w, lease, run.Config{Spec: &spec, Progress: progress})
	made, err := r.MakeImage(ctx, image, holder)
	if err == nil {
		made.BaseRef = w.Limits.Site.BaseRef
	}
	return made, err
}

// notedBuilder is the VM in which a run was building the image that has not come to its end.
func (e *Engine) notedBuilder(ctx context.Context, spec *model.ClusterSpec) (record.Builder, error) {
	rec, err := e.Ledger.Record(ctx, spec.ID)
	if errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrDamaged) {
		return record.Builder{}, nil
	}
	if err != nil {
		return record.Builder{}, err
	}
	noted, err := rec.Image()
	return record.Builder{Name: spec.Image.Template, VM: noted.Builder}, err
}

// lockImage takes the lock of an image's record. A run that makes the image is waited for, however
// long it takes.
func (e *Engine) lockImage(ctx context.Context, id uuid.UUID, of record.Ref) (context.Context, *ledger.Lease, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	holder := fmt.Sprintf("%s pid %d %s", host, os.Getpid(), uuid.NewString()[:8])
	var lease *ledger.Lease
	run.Waiting(ctx, "the lock of its record")
	err = run.Retry(ctx, e.Timing, func(ctx context.Context) error {
		lease, err = e.Ledger.LockImage(ctx, id, holder, func(other *ledger.LockedError) error {
			run.Waiting(ctx, "another run, which works on the image: "+other.Words())
			return nil
		})
		return err
	})
	if err != nil {
		return ctx, nil, fmt.Errorf("take the lock of %s: %w", of.Describe(), err)
	}
	return lease.Context(), lease, nil
}

// Image reads what there is of an image that a state holds, by its identity alone.
func (e *Engine) Image(ctx context.Context, id model.ImageIdentity) (*model.MadeImage, error) {
	return e.Reader.MadeImage(ctx, model.MadeImageQuery{ImageIdentity: id, MaxAge: e.Timing.ReadMaxAge})
}

// NamedImage finds the image that a user means, by the name or path of its template.
func (e *Engine) NamedImage(ctx context.Context, name string) (*model.MadeImage, error) {
	return e.Reader.MadeImage(ctx, model.MadeImageQuery{Name: name})
}

// ImageUse is Image with what uses it.
func (e *Engine) ImageUse(ctx context.Context, id model.ImageIdentity) (*model.MadeImage, error) {
	return e.Reader.MadeImage(ctx, model.MadeImageQuery{ImageIdentity: id, Users: true, MaxAge: e.Timing.ReadMaxAge})
}

// ImageRecordID is the id of the record of an image that is there.
func (e *Engine) ImageRecordID(made *model.MadeImage) uuid.UUID {
	return e.Ledger.ID(record.ImageRef(made.Datacenter, made.RecordKey()))
}
