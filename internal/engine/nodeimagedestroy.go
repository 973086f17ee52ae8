package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// HoldImage notes in the record of an image that a resource holds it, by the name that it has now, and
// in the place of the holder that it takes over.
func (e *Engine) HoldImage(ctx context.Context, t ImageTarget) error {
	ctx, lease, err := e.lockImage(ctx, t.RecordID, t.ref())
	if err != nil {
		return err
	}
	body, err := e.imageRecord(ctx, t)
	if err == nil {
		if t.Takes != "" {
			body = body.Without(t.Takes)
		}
		err = e.rewriteImage(ctx, lease, t, body.HeldBy(record.ImageHolder{Name: t.Name, Incarnation: t.Incarnation}))
	}
	return release(ctx, lease, err)
}

// HoldsImage reports whether the record of an image says that a resource holds it. Without a record
// that can be read none does.
func (e *Engine) HoldsImage(ctx context.Context, t ImageTarget) (bool, error) {
	body, err := e.imageRecord(ctx, t)
	if errors.Is(err, ledger.ErrNotFound) || errors.Is(err, ledger.ErrDamaged) {
		return false, nil
	}
	return err == nil && body.Holds(t.Incarnation), err
}

// HoldsNamed reports whether an image has a holder of a name. It reads the whole ledger.
func (e *Engine) HoldsNamed(ctx context.Context, name string) (bool, error) {
	entries, err := e.Ledger.Entries(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(entries, func(entry ledger.Entry) bool {
		if entry.Record == nil || entry.Record.Kind != record.KindImage {
			return false
		}
		body, err := entry.Record.Image()
		return err == nil && slices.ContainsFunc(body.Holders, func(h record.ImageHolder) bool { return h.Name == name })
	}), nil
}

// OtherHolders are the holders of an image beside a resource, which a destruction leaves it to.
func (e *Engine) OtherHolders(ctx context.Context, t ImageTarget) ([]string, error) {
	body, err := e.imageRecord(ctx, t)
	return body.Without(t.Incarnation).HolderNames(), err
}

// imageRecord reads the record of an image. Without it nothing is known of who holds the image.
func (e *Engine) imageRecord(ctx context.Context, t ImageTarget) (body record.Image, err error) {
	err = run.Retry(ctx, e.Timing, func(ctx context.Context) error {
		rec, err := e.Ledger.Record(ctx, t.RecordID)
		if err != nil {
			return err
		}
		body, err = rec.Image()
		return err
	})
	var damaged *ledger.DamagedError
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		err = fmt.Errorf("the record of the image %q, which says who holds it, is not there (%w), and what others may hold is not deleted. "+
			"If no other resource has the image, delete its template in vCenter, and refresh", t.Name, err)
	case errors.As(err, &damaged) || errors.Is(err, ledger.ErrDamaged):
		err = fmt.Errorf("the record of the image %q, which says who holds it, cannot be read: %w. What others may hold is not deleted. Restore "+
			"the description of that tag. If no other resource has the image, delete its template in vCenter and that tag, and refresh",
			t.Name, err)
	}
	return body, err
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
// leaves it. Deleted is the template alone that was recorded, by its reference and its instance UUID,
// and only if the record says that this resource holds it, and no other. While anything uses it, or
// may, and where it is no template any more, it deletes nothing, and says why. What is gone already
// is success.
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
	body, recordErr := e.imageRecord(ctx, t)
	rest := body.Without(t.Incarnation)
	if recordErr == nil && len(rest.Holders) > 0 {
		if len(rest.Holders) == len(body.Holders) {
			return rest.HolderNames(), nil
		}
		return rest.HolderNames(), e.rewriteImage(ctx, lease, t, rest)
	}
	left, err := unended(body)
	if err != nil {
		return nil, err
	}
	made, err := e.template(ctx, t, false) // what uses it is read right before the deletion
	if err != nil {
		return nil, err
	}
	gone := made.Hidden == "" && made.Ref != t.Ref // what has its instance UUID by now is another one
	switch {
	case gone && errors.Is(recordErr, ledger.ErrNotFound):
		return nil, nil
	case recordErr != nil:
		return nil, recordErr
	case gone && body.Template != "" && body.Template != t.Ref: // it was built anew, for others
		return nil, e.rewriteImage(ctx, lease, t, rest)
	case gone:
		return nil, e.imageRunner(lease, t, progress).DeleteImage(ctx, t.RecordID, &model.MadeImage{}, nil, left)
	}
	if err := checkHolder(t, body, made); err != nil {
		return nil, err
	}
	check := func(ctx context.Context) error {
		made, err := e.template(ctx, t, true)
		if err == nil && made.Ref == "" {
			return model.ErrGone
		}
		if err == nil && made.Ref != t.Ref {
			err = errors.New("another template has its instance UUID by now")
		}
		if err == nil {
			err = made.CheckDeletion()
		}
		return err
	}
	if err := made.CheckDeletion(); err != nil {
		return nil, err
	}
	return nil, e.imageRunner(lease, t, progress).DeleteImage(ctx, t.RecordID, made, check, left)
}

// unended is what the record of an image that is deleted has to say yet: that a VM in which a run was
// building it may have its address. nil: nothing.
func unended(body record.Image) ([]byte, error) {
	if body.Builder == "" {
		return nil, nil
	}
	return json.Marshal(record.Image{Name: body.Name, Datacenter: body.Datacenter, Builder: body.Builder})
}

// checkHolder returns an error unless the record says that it is of that template, and that the
// resource alone holds it.
func checkHolder(t ImageTarget, body record.Image, made *model.MadeImage) error {
	keep := "delete it in vCenter, and refresh; or take the resource out of the state with `terraform state rm`"
	switch {
	case made.Hidden != "":
		return made.CheckDeletion()
	case body.Template != t.Ref || !strings.EqualFold(made.UUID, t.UUID):
		return fmt.Errorf("%s is not the template that its record says, as after vCenter was restored, and was not deleted. If it is not "+
			"needed, %s", made.Path, keep)
	case body.Lost:
		return fmt.Errorf("the record of %s was lost once and was written anew, so that it is not known who else holds it. It was not deleted. "+
			"If no other resource has it, %s", made.Path, keep)
	case !body.Holds(t.Incarnation):
		return fmt.Errorf("the record of %s does not say that this resource holds it, and it was not deleted. If no other resource has it, %s",
			made.Path, keep)
	}
	return nil
}

// template reads the template of an image, and what uses it.
func (e *Engine) template(ctx context.Context, t ImageTarget, users bool) (made *model.MadeImage, err error) {
	err = run.Retry(ctx, e.Timing, func(ctx context.Context) error {
		made, err = e.Reader.MadeImage(ctx, model.MadeImageQuery{ImageIdentity: t.ImageIdentity, Users: users})
		if err == nil && users && made.Ref != "" && len(made.Users) == 0 {
			err = e.addHiddenNodes(ctx, made)
		}
		return err
	})
	return made, err
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
				made.Unjudged = append(made.Unjudged, fmt.Sprintf("the VM of %s with %s of IP pool %q, which this user does not see, or "+
					"which is being made; where it is gone, gantry_orphans says how to release the address",
					cmp.Or(claim.Owner.Node, "an owner that cannot be read"), claim.Address, registered.Ref.Name))
			}
		}
	}
	return nil
}
