package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// MakeImage makes the image of the run's spec, of the version of its base that image says, unless it
// is there, and notes who holds it. The run holds the image's lock, and no other. What an earlier
// run has left is cleared, its address, too.
func (r *Runner) MakeImage(ctx context.Context, image model.Image, holder record.ImageHolder) (template model.Template, err error) {
	ctx, ended := r.Progress.Begin(ctx, r.Spec.Image.Step().Change())
	defer func() { ended(err) }()
	i := r.importOf(r.Spec.Image, image)
	i.check = r.changes.check
	i.vc = r.VCenter
	if template, err = i.underLock(ctx); err == nil {
		err = i.hold(ctx, template.Ref, holder)
	}
	if err == nil {
		err = r.clearBuild(ctx)
	}
	return template, err
}

// hold notes a holder of the image. A record that was deleted by hand is written again.
func (i *imageImport) hold(ctx context.Context, template string, holder record.ImageHolder) error {
	noted, err := i.register(ctx)
	if err != nil {
		return err
	}
	noted.Template = template
	noted.Marking = false
	noted = noted.HeldBy(holder)
	return i.call(ctx, func(ctx context.Context) error { return i.rewrite(ctx, noted) })
}

// clearBuild deletes the VMs of the image's builds that were interrupted, and gives their addresses
// back, which no cluster does: the image is there.
func (r *Runner) clearBuild(ctx context.Context) error {
	for _, m := range r.World.Facts.Builders {
		if err := r.deleteBuilder(ctx, model.DeleteBuilder{Machine: m}); err != nil {
			return fmt.Errorf("delete the VM of an interrupted build: %w", err)
		}
	}
	for _, claim := range r.addresses.claims() {
		if err := r.addresses.releaseNode(ctx, claim.Owner, uuid.Nil, r.Spec.Name); err != nil {
			return err
		}
	}
	return r.ReleaseUnusedIPPools(ctx, nil)
}

// DeleteImage deletes the record of an image, and then its template, and waits until that is gone. A
// refresh after a run that was killed in between still finds the template, and the state with it;
// of a record alone it would know nothing. What is gone already is success.
func (r *Runner) DeleteImage(ctx context.Context, id uuid.UUID, made *model.MadeImage) error {
	rec, err := r.Ledger.Record(ctx, id)
	noted := err == nil
	err = r.changes.call(ctx, func(ctx context.Context) error { return r.Ledger.Unregister(ctx, id) })
	if err != nil || made.Ref == "" {
		return err
	}
	err = r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.Destroy(ctx, made.Ref) })
	if err == nil {
		err = r.changes.watch.gone(ctx, made.Ref)
	}
	if err == nil || errors.Is(err, model.ErrGone) {
		return nil
	}
	if noted && ctx.Err() == nil && !model.Transient(err) {
		// It stays, and others find it by its record.
		err = errors.Join(err, r.changes.call(ctx, func(ctx context.Context) error { return failureOf(r.Ledger.Register(ctx, rec)) }))
	}
	return fmt.Errorf("delete the template %s: %w", made.Path, err)
}

// RewriteImage writes the record of an image anew.
func (r *Runner) RewriteImage(ctx context.Context, id uuid.UUID, raw []byte) error {
	return r.changes.call(ctx, func(ctx context.Context) error { return r.Ledger.UpdateRecord(ctx, id, raw) })
}
