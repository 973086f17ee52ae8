package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
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
	Incarnation record.Incarnation // the creation that the state comes from
}

// PlanImage finds what speaks against making an image that is no cluster's, and what the names of its
// spec mean. It changes nothing.
func (e *Engine) PlanImage(ctx context.Context, spec model.ClusterSpec) (*model.Plan, model.Site, error) {
	o := e.planner()
	w, err := o.Image(ctx, &spec)
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
	err := run.Retry(ctx, e.Timing, func(ctx context.Context) (err error) {
		w, err = e.observer(true).Image(ctx, &spec)
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
	template, err := r.MakeImage(ctx, image, holder)
	if err != nil {
		return nil, err
	}
	made, err := e.imageOf(ctx, e.Builder, template.Ref)
	if err == nil {
		made.BaseRef = w.Limits.Site.BaseRef
	}
	return made, err
}

// imageOf reads the template of a reference that was there a moment ago.
func (e *Engine) imageOf(ctx context.Context, vc model.VCenter, ref string) (made *model.MadeImage, err error) {
	err = run.Retry(ctx, e.Timing, func(ctx context.Context) error {
		made, err = vc.MadeImage(ctx, model.MadeImageQuery{ImageIdentity: model.ImageIdentity{Ref: ref}})
		return err
	})
	if err == nil && made.Path == "" {
		err = errors.New("the template was made and is not there any more; apply again")
	}
	return made, err
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

// ImageHolder is who holds an image alone; empty: no one does, or several.
func (e *Engine) ImageHolder(ctx context.Context, id uuid.UUID) (record.ImageHolder, error) {
	body, _, err := e.imageRecord(ctx, id)
	if err != nil || len(body.Holders) != 1 {
		return record.ImageHolder{}, err
	}
	return body.Holders[0], nil
}

// ImageRecordID is the id of the record of an image that is there.
func (e *Engine) ImageRecordID(made *model.MadeImage) uuid.UUID {
	return e.Ledger.ID(record.ImageRef(made.Datacenter, made.RecordKey()))
}

// HoldImage notes in the record of an image who holds it, in the place of who did by that name or
// by the incarnation: a rename changes nothing else.
func (e *Engine) HoldImage(ctx context.Context, t ImageTarget) error {
	ctx, lease, err := e.lockImage(ctx, t.RecordID, t.ref())
	if err != nil {
		return err
	}
	body, found, err := e.imageRecord(ctx, t.RecordID)
	if err == nil && found {
		next := body.HeldBy(record.ImageHolder{Name: t.Name, Incarnation: t.Incarnation})
		err = e.rewriteImage(ctx, lease, t, next)
	}
	return release(ctx, lease, err)
}

func (t ImageTarget) ref() record.Ref { return record.Ref{Kind: record.KindImage, Name: t.Name} }

// imageRecord reads the record of an image; false where there is none, or where it makes no sense.
func (e *Engine) imageRecord(ctx context.Context, id uuid.UUID) (body record.Image, found bool, err error) {
	err = run.Retry(ctx, e.Timing, func(ctx context.Context) error {
		rec, err := e.Ledger.Record(ctx, id)
		switch {
		case errors.Is(err, ledger.ErrNotFound), errors.Is(err, ledger.ErrDamaged):
			return nil
		case err != nil:
			return err
		}
		body, err = rec.Image()
		if errors.Is(err, ledger.ErrDamaged) {
			return nil
		}
		found = err == nil
		return err
	})
	return body, found, err
}

func (e *Engine) rewriteImage(ctx context.Context, lease *ledger.Lease, t ImageTarget, body record.Image) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return e.imageRunner(lease, t, nil).RewriteImage(ctx, t.RecordID, raw)
}

// imageRunner makes a runner for the destruction of an image.
func (e *Engine) imageRunner(lease *ledger.Lease, t ImageTarget, progress *run.Progress) *run.Runner {
	spec := &model.ClusterSpec{Ref: t.ref(), ID: t.RecordID}
	return e.runner(e.Reader, &observe.World{ID: t.RecordID, RecordID: t.RecordID}, lease, run.Config{Spec: spec, Progress: progress})
}

// DestroyImage deletes an image that a state holds, unless others hold it, too: these it returns, and
// leaves it. While anything uses it, or may, and where it is no template any more, it deletes
// nothing, and says why. What is gone already is success.
func (e *Engine) DestroyImage(ctx context.Context, t ImageTarget) (others []string, err error) {
	ctx, progress, ended := e.begin(ctx, model.RunDestroy, t.ref())
	ctx, lease, err := e.lockImage(ctx, t.RecordID, t.ref())
	if err == nil {
		others, err = e.destroyImage(ctx, t, lease, progress)
		err = release(ctx, lease, err)
	}
	ended(err)
	return others, err
}

func (e *Engine) destroyImage(ctx context.Context, t ImageTarget, lease *ledger.Lease, progress *run.Progress) ([]string, error) {
	body, found, err := e.imageRecord(ctx, t.RecordID)
	if err != nil {
		return nil, err
	}
	if rest := body.Without(t.Incarnation); found && len(rest.Holders) > 0 {
		if len(rest.Holders) == len(body.Holders) {
			return rest.HolderNames(), nil
		}
		return rest.HolderNames(), e.rewriteImage(ctx, lease, t, rest)
	}
	var made *model.MadeImage
	err = run.Retry(ctx, e.Timing, func(ctx context.Context) (err error) {
		made, err = e.Reader.MadeImage(ctx, model.MadeImageQuery{ImageIdentity: t.ImageIdentity, Users: true})
		return err
	})
	if err == nil && made.Ref != "" {
		err = run.Retry(ctx, e.Timing, func(ctx context.Context) error { return e.addHiddenNodes(ctx, made) })
	}
	if err == nil {
		err = made.CheckDeletion()
	}
	if err != nil {
		return nil, err
	}
	return nil, e.imageRunner(lease, t, progress).DeleteImage(ctx, t.RecordID, made)
}

// addHiddenNodes adds to what cannot be judged the nodes that hold addresses and of which no VM is
// seen, such as for want of a privilege: vCenter says nothing of such a VM.
func (e *Engine) addHiddenNodes(ctx context.Context, made *model.MadeImage) error {
	type held struct {
		pool uuid.UUID
		addr netip.Addr
	}
	seen := map[held]bool{}
	for _, h := range made.Held {
		seen[held{h.IPPool, h.Address}] = true
	}
	pools, err := e.Ledger.IPPools(ctx)
	if err != nil {
		return err
	}
	snapshot, err := e.Ledger.Snapshot(ctx)
	if err != nil {
		return err
	}
	for _, registered := range pools {
		pool, err := ledger.NewIPPool(registered.ID, registered.Body)
		if registered.Unreadable != nil || err != nil {
			made.Unjudged = append(made.Unjudged, fmt.Sprintf("what has addresses of IP pool %s, whose record cannot be read", registered.ID))
			continue
		}
		claims, err := e.Ledger.Unaccounted(ctx, pool, snapshot, func(addr netip.Addr) bool { return seen[held{pool.ID, addr}] })
		if err != nil {
			return err
		}
		for _, claim := range claims {
			if c := (model.Claim{Owner: claim.Owner.Node}); c.OfNode() {
				made.Unjudged = append(made.Unjudged, fmt.Sprintf("the VM of %s with %s of IP pool %q, which this user does not see",
					claim.Owner.Node, claim.Address, registered.Ref.Name))
			}
		}
	}
	return nil
}
