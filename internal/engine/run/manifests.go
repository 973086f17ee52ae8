package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// applyPack applies the manifests of a pack, and prunes what has left them. What may be of the
// pack from now on is stored before anything is changed, and that it is neither as it was nor
// as it is to be: a run that dies is gone through again, and prunes what it would have pruned.
func (r *Runner) applyPack(ctx context.Context, pack model.Pack, position int) error {
	if err := r.dependencies(pack); err != nil {
		return err
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, r.Timing.APITimeout)
	defer cancel()
	have := r.packs.get(pack.Name)
	switch {
	case have.Release != nil:
		return fmt.Errorf("its release %s is not uninstalled yet, and goes before its manifests are applied", have.Release.Name)
	case len(pack.Manifests) == 0:
		return errors.New("its manifests are not known")
	}
	inventory, err := readInventory(bounded, api, pack.Name)
	if err != nil {
		return err
	}
	if inventory == nil { // it has none, or no one can read it
		inventory = &model.Inventory{Cluster: r.Spec.ID}
	}
	manifests := model.PackManifests{
		Owner:     r.owner(pack.Name),
		Manifests: pack.Manifests,
		Adopts:    have.HasManifests() && !have.Inventory,
	}
	if manifests.Objects, err = api.FindObjects(bounded, manifests, inventory.Objects); err != nil {
		return err
	}
	if err := writeInventory(bounded, api, pack.Name, inventory.With(manifests.Objects)); err != nil {
		return err
	}
	now := model.AppliedPack{Inventory: true, KeepObjects: pack.KeepObjects, Layer: pack.Layer, Position: position}
	if err := r.noteBegun(ctx, pack.Name, now); err != nil {
		return err
	}
	applied, err := api.Apply(bounded, manifests)
	if err != nil {
		return err
	}
	if err := r.waitAvailable(ctx, api, pack.Await); err != nil {
		return err
	}
	if err := r.pruneObjects(ctx, api, pack, *inventory); err != nil {
		return err
	}
	is := model.Inventory{Cluster: r.Spec.ID, Objects: applied}
	if err := writeInventory(ctx, api, pack.Name, is); err != nil {
		return err
	}
	now.Hash = pack.Hash()
	r.packs.set(pack.Name, now)
	if err := r.noteNotReady(ctx, pack); err != nil {
		return err
	}
	return r.waitAfterApply(ctx, api, pack, is, nil)
}

func (r *Runner) owner(pack string) model.PackOwner {
	return model.PackOwner{Cluster: r.Spec.ID, Pack: pack}
}

// pruneObjects deletes what has left the manifests of a pack.
func (r *Runner) pruneObjects(ctx context.Context, api model.API, pack model.Pack, had model.Inventory) error {
	if pack.KeepObjects {
		return nil
	}
	leaving, err := r.leavingObjects(ctx, api, had)
	if err != nil {
		return err
	}
	return r.deleteObjects(ctx, api, model.PackOwner{Cluster: had.Cluster, Pack: pack.Name}, leaving)
}

// removeObjects deletes the objects of a pack of manifests that is taken out, or becomes one of
// a chart. What another pack has by now stays.
func (r *Runner) removeObjects(ctx context.Context, s model.UninstallPack) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	if !s.KeepObjects {
		inventory, err := readInventory(ctx, api, s.Pack)
		if err != nil {
			return err
		}
		if inventory == nil {
			return fmt.Errorf("the Secret kube-system/%s, which has the list of its objects, is gone or damaged", model.InventorySecret(s.Pack))
		}
		if err := r.noteBegun(ctx, s.Pack, r.packs.get(s.Pack)); err != nil {
			return err
		}
		leaving, err := r.leavingObjects(ctx, api, *inventory)
		if err != nil {
			return err
		}
		if err := r.deleteObjects(ctx, api, model.PackOwner{Cluster: inventory.Cluster, Pack: s.Pack}, leaving); err != nil {
			return err
		}
	}
	r.packs.remove(s.Pack)
	// The list goes last: without it, no run could finish what this one has begun.
	if err := r.storeImportData(ctx); err != nil {
		return err
	}
	return api.DeleteSecret(ctx, model.InventorySecret(s.Pack))
}

// leavingObjects are those of an inventory that no pack of the profile has: what moves from one
// pack to another is not deleted in between.
func (r *Runner) leavingObjects(ctx context.Context, api model.API, had model.Inventory) ([]model.PackObject, error) {
	var stay []model.ObjectRef
	for _, pack := range r.Spec.Packs {
		written, err := api.Written(ctx, pack.Manifests)
		if err != nil {
			return nil, fmt.Errorf("look for objects that move to the pack %s: %w", pack.Name, err)
		}
		stay = append(stay, written...)
	}
	return slices.DeleteFunc(slices.Clone(had.Objects), func(o model.PackObject) bool {
		return slices.ContainsFunc(stay, o.Names)
	}), nil
}

// deleteObjects deletes objects that leave a pack, wave by wave, and waits until each wave is
// gone. What stays is told.
func (r *Runner) deleteObjects(ctx context.Context, api model.API, owner model.PackOwner, leaving []model.PackObject) error {
	var stay []string
	for _, wave := range model.DeletionWaves(leaving) {
		var errs []error
		remove := func(ctx context.Context, o model.PackObject) (going string) {
			end, err := api.DeleteObject(ctx, owner, o.ObjectRef)
			switch {
			case err != nil && (ctx.Err() != nil || model.Transient(err)):
				return fmt.Sprintf("%s (%v)", o, err)
			case err != nil:
				errs = append(errs, err)
			case end.Stays != "":
				stay = append(stay, fmt.Sprintf("%s (%s)", o, end.Stays))
			case end.Leaving != "":
				return fmt.Sprintf("%s (%s)", o, end.Leaving)
			}
			return ""
		}
		err := poll(ctx, r.Timing, r.Timing.DeleteWait, func(ctx context.Context) error {
			var going []string
			wave = slices.DeleteFunc(wave, func(o model.PackObject) bool {
				why := remove(ctx, o)
				if why != "" {
					going = append(going, why)
				}
				return why == ""
			})
			if len(going) > 0 && ctx.Err() != nil {
				return ctx.Err() // and what it has waited for until then is told
			}
			if len(going) > 0 {
				return fmt.Errorf("objects that leave the pack are not gone: %s", model.Listed(going))
			}
			return nil
		})
		if err := errors.Join(append(errs, err)...); err != nil {
			return err
		}
	}
	r.tellStaying(ctx, owner.Pack, stay)
	return nil
}

// tellStaying says which objects have left a pack and are in the cluster all the same.
func (r *Runner) tellStaying(ctx context.Context, pack string, stay []string) {
	if len(stay) == 0 {
		return
	}
	const summary = "Objects of a pack stay in the cluster"
	detail := fmt.Sprintf("They have left the pack %s, and were not deleted: %s. Gantry does not know of them any more. "+
		"Delete by hand what is not needed.", pack, model.Listed(stay))
	r.warnings.add(model.NewFinding(model.ClusterField(model.FieldPacks), summary, "%s", detail))
	r.Progress.Note(ctx, model.Change{Action: model.RunApply, Target: r.Spec.Name}, summary+". "+detail)
}

// readInventory reads the inventory of a pack; nil where there is none that can be read.
func readInventory(ctx context.Context, api model.API, pack string) (*model.Inventory, error) {
	stored, err := api.Secret(ctx, model.InventorySecret(pack))
	if err != nil {
		return nil, fmt.Errorf("read the list of its objects: %w", err)
	}
	inventory, err := model.DecodeInventory(stored[model.InventoryKey])
	if err != nil {
		return nil, nil //nolint:nilerr // administrators may have damaged it
	}
	return inventory, nil
}

func writeInventory(ctx context.Context, api model.API, pack string, inventory model.Inventory) error {
	raw, err := inventory.Encode()
	if err != nil {
		return err
	}
	if err := api.PutSecret(ctx, model.InventorySecret(pack), map[string][]byte{model.InventoryKey: raw}); err != nil {
		return fmt.Errorf("store the list of its objects: %w", err)
	}
	return nil
}
