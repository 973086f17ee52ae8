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

// images are the templates that a run has made of OVAs, or found made, by digest.
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
	if i.made[image.OVA.SHA256] == nil {
		i.made[image.OVA.SHA256] = once(get)
	}
	return i.made[image.OVA.SHA256]
}

// template is what the nodes of a pool are cloned from. An image that the datacenter did not
// have is there by now, unless it was deleted since: then it is imported again.
func (r *Runner) template(ctx context.Context, pool model.NodePool) (model.Template, error) {
	image := r.Spec.ImageOf(pool)
	found := r.World.Limits.Site.TemplateOf(pool)
	if found.Ref != "" || image.OVA == nil {
		return found, nil
	}
	return r.image(ctx, image)
}

// image returns the template of an OVA, which it imports where there is none.
func (r *Runner) image(ctx context.Context, image model.Image) (model.Template, error) {
	return r.images.of(image, func(ctx context.Context) (model.Template, error) { return r.ensureImage(ctx, image) })(ctx)
}

// ensureImage imports an image under its lock, unless it is there: another run that imports
// it is waited for.
func (r *Runner) ensureImage(ctx context.Context, image model.Image) (model.Template, error) {
	i := &imageImport{Runner: r, image: image, vc: r.VCenter}
	found, err := i.find(ctx)
	if err != nil || found.Template.Ref != "" {
		return usable(found, err)
	}
	ref := record.ImageRef(r.World.Limits.Site.Datacenter, image.OVA.SHA256)
	i.id = r.Ledger.ID(ref)
	lease, err := i.lock(ctx)
	if err != nil {
		return model.Template{}, fmt.Errorf("take the lock of the image %q: %w", image.Template, err)
	}
	i.vc = guardedVCenter{VCenter: r.VCenter, check: lease.Check}
	i.check = lease.Check
	template, err := i.underLock(lease.Context(), ref)
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	if rerr := lease.Release(release); rerr != nil && err == nil && !model.Transient(rerr) {
		err = fmt.Errorf("release the lock of the image %q: %w", image.Template, rerr)
	}
	return template, err
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
				i.say(ctx, "waits for another run that imports it: "+other.Words())
			}
			said = other.Holder
			return nil
		})
		return err
	})
	return lease, err
}

// say reports how an import goes on.
func (i *imageImport) say(ctx context.Context, message string) {
	if i.Config.Progress != nil {
		i.Config.Progress.Note(ctx, model.ImportImage{Image: i.image}.Change(), message)
	}
}

// register notes the image in the ledger, and returns what was noted before.
func (i *imageImport) register(ctx context.Context, ref record.Ref) (record.Image, error) {
	body := record.Image{Name: i.image.Template, Datacenter: i.World.Limits.Site.Datacenter}
	rec, err := ledger.NewRecord(ref, body)
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
			return i.rewrite(ctx, body)
		}
		body, err = exists.Existing.Image()
		return err
	})
	return body, err
}

// rewrite writes the record of the image anew.
func (i *imageImport) rewrite(ctx context.Context, body record.Image) error {
	rec, err := ledger.NewRecord(record.ImageRef(body.Datacenter, i.image.OVA.SHA256), body)
	if err != nil {
		return err
	}
	return i.Ledger.UpdateRecord(ctx, i.id, rec.Body)
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
