package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// MakeImage makes the image of the run's spec, of the version of its base that image says, unless it
// is there, and notes who holds it. The run holds the image's lock, and no other. What an earlier
// run has left is cleared, its address, too. The holder is noted last: nothing fails behind that.
func (r *Runner) MakeImage(ctx context.Context, image model.Image, holder record.ImageHolder) (made *model.MadeImage, err error) {
	ctx, ended := r.Progress.Begin(ctx, r.Spec.Image.Step().Change())
	defer func() { ended(err) }()
	i := r.importOf(r.Spec.Image, image)
	i.check = r.changes.check
	i.vc = r.VCenter
	lost, err := i.lost(ctx)
	if err != nil {
		return nil, err
	}
	template, err := i.underLock(ctx)
	if err != nil {
		return nil, err
	}
	if made, err = i.whole(ctx, template.Ref); err != nil {
		return nil, err
	}
	if err := r.clearBuild(ctx); err != nil {
		return nil, err
	}
	return made, i.hold(ctx, made, holder, lost)
}

// lost reports whether the image is there and its record is not: it was deleted by hand, and with
// it who holds the image.
func (i *imageImport) lost(ctx context.Context) (bool, error) {
	missing := false
	err := retry(ctx, i.Timing, func(ctx context.Context) error {
		_, err := i.Ledger.Record(ctx, i.id)
		missing = errors.Is(err, ledger.ErrNotFound)
		if missing || errors.Is(err, ledger.ErrDamaged) {
			return nil // one that is damaged is found when the holder is noted
		}
		return err
	})
	if err != nil || !missing {
		return false, err
	}
	found, err := i.find(ctx)
	return err == nil && found.Template.Ref != "", err
}

// whole reads the template of a reference, which has to be the one that Gantry has built.
func (i *imageImport) whole(ctx context.Context, ref string) (made *model.MadeImage, err error) {
	err = retry(ctx, i.Timing, func(ctx context.Context) error {
		made, err = i.vc.MadeImage(ctx, model.MadeImageQuery{ImageIdentity: model.ImageIdentity{Ref: ref}})
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case made.Path == "":
		return nil, errors.New("the template was made and is not there any more; apply again")
	case made.Copy:
		return nil, fmt.Errorf("what Gantry has built is gone, and %s, which is a copy of it, is not taken for it. Delete the copy, or remove "+
			"the entry %q from its configuration, and apply again; or use it as the template of clusters without this resource",
			made.Path, "gantry.image")
	}
	return made, nil
}

// hold notes a holder of the image. A record that was deleted by hand is written again, and says that
// others may hold it, too.
func (i *imageImport) hold(ctx context.Context, made *model.MadeImage, holder record.ImageHolder, lost bool) error {
	noted, err := i.register(ctx)
	if err != nil {
		return err
	}
	noted.Template = made.Ref
	noted.Marking = false
	noted.Lost = noted.Lost || lost
	noted = noted.HeldBy(holder)
	return i.call(ctx, func(ctx context.Context) error { return i.rewrite(ctx, noted) })
}

// clearBuild deletes the VMs of the image's builds that were interrupted, and gives their addresses
// back, which no cluster does: the image is there. While one is not seen, all addresses stay.
func (r *Runner) clearBuild(ctx context.Context) error {
	if r.World.Facts.UnseenBuilder != nil {
		return nil
	}
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

// DeleteImage deletes a template, waits until it is gone, and then deletes its record: where a run was
// killed in between, the record still says who had it. Right before each try check has to find that
// nothing uses it. What is gone already is success. With left, the record stays, and says that.
func (r *Runner) DeleteImage(
	ctx context.Context, id uuid.UUID, made *model.MadeImage, check func(context.Context) error, left []byte,
) error {
	if made.Ref != "" {
		err := r.changes.task(ctx, func(ctx context.Context) (string, error) {
			if err := check(ctx); err != nil {
				return "", err
			}
			return r.VCenter.Destroy(ctx, made.Ref)
		})
		if err == nil {
			err = r.changes.watch.gone(ctx, made.Ref)
		}
		if err != nil && !errors.Is(err, model.ErrGone) {
			return fmt.Errorf("delete the template %s: %w", made.Path, err)
		}
	}
	if left != nil {
		return r.RewriteImage(ctx, id, left)
	}
	return r.changes.call(ctx, func(ctx context.Context) error { return r.Ledger.Unregister(ctx, id) })
}

// RewriteImage writes the record of an image anew.
func (r *Runner) RewriteImage(ctx context.Context, id uuid.UUID, raw []byte) error {
	return r.changes.call(ctx, func(ctx context.Context) error { return r.Ledger.UpdateRecord(ctx, id, raw) })
}
