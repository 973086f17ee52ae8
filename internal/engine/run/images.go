package run

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// images are the templates that a run has made, or found made, by digest.
type images struct {
	mu   sync.Mutex
	made map[string]func(context.Context) (model.Template, error)
}

// of returns how to get the template of an image: who asks first makes it, and the others
// wait for that.
func (i *images) of(image model.Image, get func(context.Context) (model.Template, error)) func(context.Context) (model.Template, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.made == nil {
		i.made = map[string]func(context.Context) (model.Template, error){}
	}
	digest := image.Digest()
	if i.made[digest] == nil {
		i.made[digest] = once(get)
	}
	return i.made[digest]
}

// template is what the nodes of a pool are cloned from. An image that the datacenter did not
// have is there by now, unless it was deleted since: then it is imported again.
func (r *Runner) template(ctx context.Context, pool model.NodePool) (model.Template, error) {
	image := r.Spec.ImageOf(pool)
	found := r.World.Limits.Site.TemplateOf(pool)
	if !image.Made() {
		return found, nil
	}
	if found.Ref == "" {
		return r.image(ctx, image)
	}
	return r.images.of(image, func(ctx context.Context) (model.Template, error) {
		return found, r.importOf(image, image.OfBase(found.BaseVersion, "")).completeLocked(ctx, found.Ref)
	})(ctx)
}

// image returns the template of an image that Gantry makes, which it makes where there is none.
func (r *Runner) image(ctx context.Context, image model.Image) (model.Template, error) {
	return r.images.of(image, func(ctx context.Context) (model.Template, error) { return r.ensureImage(ctx, image) })(ctx)
}

// ensureImage makes an image under its lock, unless it is there: another run that makes it is
// waited for.
func (r *Runner) ensureImage(ctx context.Context, image model.Image) (model.Template, error) {
	i := r.importOf(image, image)
	found, err := i.find(ctx)
	if err == nil {
		i = r.importOf(image, found.Image)
	}
	if err == nil && found.Template.Ref != "" {
		err = i.completeLocked(ctx, found.Template.Ref)
	}
	if err != nil || found.Template.Ref != "" {
		return usable(found, err)
	}
	var template model.Template
	err = i.locked(ctx, func(ctx context.Context) (err error) {
		template, err = i.underLock(ctx)
		return err
	})
	return template, err
}

func (r *Runner) importOf(asked, image model.Image) *imageImport {
	ref := record.ImageRef(r.World.Limits.Site.Datacenter, image.RecordKey())
	return &imageImport{Runner: r, asked: asked, image: image, ref: ref, id: r.Ledger.ID(ref), vc: r.VCenter}
}

// locked does something under the lock of the image.
func (i *imageImport) locked(ctx context.Context, do func(context.Context) error) error {
	lease, err := i.lock(ctx)
	if err != nil {
		return fmt.Errorf("take the lock of the image %q: %w", i.image.Template, err)
	}
	i.vc = guardedVCenter{VCenter: i.VCenter, check: lease.Check}
	i.check = lease.Check
	err = do(lease.Context())
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	if rerr := lease.Release(release); rerr != nil && err == nil && !model.Transient(rerr) {
		err = fmt.Errorf("release the lock of the image %q: %w", i.image.Template, rerr)
	}
	return err
}

// noted is the record of the image. Without one, or where it cannot be understood, there is
// none to complete.
func (i *imageImport) noted(ctx context.Context) (body record.Image, incomplete bool, err error) {
	err = retry(ctx, i.Timing, func(ctx context.Context) error {
		rec, err := i.Ledger.Record(ctx, i.id)
		if err != nil && model.Transient(err) {
			return err
		}
		if err != nil {
			return nil //nolint:nilerr // there is none, or it is damaged
		}
		body, err = rec.Image()
		incomplete = err == nil && !body.Complete()
		return nil
	})
	return body, incomplete, err
}

// completeLocked completes the record of an image whose template is there where the run that
// made it was interrupted before it did.
func (i *imageImport) completeLocked(ctx context.Context, template string) error {
	_, incomplete, err := i.noted(ctx)
	if err != nil || !incomplete {
		return err
	}
	return i.locked(ctx, func(ctx context.Context) error { return i.complete(ctx, template) })
}

// complete is completeLocked for who holds the lock.
func (i *imageImport) complete(ctx context.Context, template string) error {
	body, incomplete, err := i.noted(ctx)
	if err != nil || !incomplete {
		return err
	}
	body.Template = template
	body.Marking = false
	return i.call(ctx, func(ctx context.Context) error { return i.rewrite(ctx, body) })
}

// usable is a template that was found, if nodes can be cloned from it.
func usable(found *model.FoundImage, err error) (model.Template, error) {
	if err != nil {
		return model.Template{}, err
	}
	return found.Template, found.Findings.Err()
}

// lock takes the lock of the image, and says for whom it waits.
func (i *imageImport) lock(ctx context.Context) (*ledger.Lease, error) {
	said := ""
	var lease *ledger.Lease
	err := retry(ctx, i.Timing, func(ctx context.Context) (err error) {
		lease, err = i.Lease.LockImage(ctx, i.id, func(other *ledger.LockedError) error {
			if said != other.Holder {
				i.say(ctx, "waits for another run that makes it: "+other.Words())
			}
			Waiting(ctx, "another run, which makes the image: "+other.Words())
			said = other.Holder
			return nil
		})
		return err
	})
	return lease, err
}

// say reports how the making of an image goes on.
func (i *imageImport) say(ctx context.Context, message string) {
	if i.Config.Progress != nil {
		i.Config.Progress.Note(ctx, i.asked.Step().Change(), message)
	}
}

// register notes the image in the ledger, and returns what was noted before.
func (i *imageImport) register(ctx context.Context) (record.Image, error) {
	body := record.Image{Name: i.image.Template, Datacenter: i.World.Limits.Site.Datacenter}
	rec, err := ledger.NewRecord(i.ref, body)
	if err != nil {
		return body, err
	}
	err = i.call(ctx, func(ctx context.Context) error {
		_, err := i.Ledger.Register(ctx, rec)
		var exists *ledger.RecordExistsError
		if !errors.As(err, &exists) {
			return err
		}
		if exists.Unreadable != nil {
			body.Lost = true
			return i.rewrite(ctx, body)
		}
		body, err = exists.Existing.Image()
		return err
	})
	return body, err
}

// rewrite writes the record of the image anew.
func (i *imageImport) rewrite(ctx context.Context, body record.Image) error {
	rec, err := ledger.NewRecord(i.ref, body)
	if err != nil {
		return err
	}
	return i.Ledger.UpdateRecord(ctx, i.id, rec.Body)
}

// noteBuilder has the record of the image say in which VM it is built; empty: in none any more.
func (i *imageImport) noteBuilder(ctx context.Context, vm string) error {
	return i.call(ctx, func(ctx context.Context) error {
		rec, err := i.Ledger.Record(ctx, i.id)
		if err != nil {
			return err
		}
		body, err := rec.Image()
		if err != nil || body.Builder == vm {
			return err
		}
		body.Builder = vm
		return i.rewrite(ctx, body)
	})
}

// call is a change of the ledger under both locks.
func (i *imageImport) call(ctx context.Context, change func(context.Context) error) error {
	return i.changes.call(ctx, func(ctx context.Context) error {
		if err := i.check(ctx); err != nil {
			return err
		}
		return change(ctx)
	})
}
