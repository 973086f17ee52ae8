package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// setBack applies those objects of a pack that have changed, and nothing else of it: nothing is
// pruned, and what has not changed is not touched. The pack stays applied meanwhile. What the API
// does not let be set back is told, and stays.
func (r *Runner) setBack(ctx context.Context, s model.ApplyPack) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	if len(s.Pack.Manifests) == 0 {
		return errors.New("its manifests are not known")
	}
	bounded, cancel := context.WithTimeout(ctx, r.Timing.APITimeout)
	defer cancel()
	inventory, err := readInventory(bounded, api, s.Pack.Name)
	if err != nil {
		return err
	}
	if inventory == nil { // since it was planned
		r.tellUnknown(ctx, s.Pack.Name)
		return nil
	}
	if err := r.noteNotReady(ctx, s.Pack); err != nil {
		return err
	}
	objects, held, err := api.SetBack(bounded, model.PackManifests{
		Owner: model.PackOwner{Cluster: inventory.Cluster, Pack: s.Pack.Name}, Manifests: s.Pack.Manifests,
		Objects: r.shared(s.Pack.Name, inventory.Objects),
	}, s.SetsBack)
	if err != nil {
		return err
	}
	for at, o := range inventory.Objects {
		for _, now := range objects {
			if now.ObjectRef == o.ObjectRef {
				inventory.Objects[at] = now
			}
		}
	}
	// Also where the time was not enough for all: what is not noted would be set back again and again.
	if err := writeInventory(ctx, api, s.Pack.Name, *inventory); err != nil {
		return err
	}
	r.tellHeld(ctx, s.Pack.Name, held)
	if err := r.waitAvailable(ctx, api, s.Pack.Await); err != nil {
		return err
	}
	return r.waitAfterApply(ctx, api, s.Pack, *inventory, s.SetsBack)
}

// shared are objects of a pack with which of them other packs have, too.
func (r *Runner) shared(pack string, objects []model.PackObject) []model.PackObject {
	objects = slices.Clone(objects)
	for name, theirs := range r.World.Facts.API.Inventories {
		for at, o := range objects {
			if name != pack && slices.Contains(theirs, o.ObjectRef) {
				objects[at].Shared = true
			}
		}
	}
	return objects
}

// tellUnknown says that nothing was set back, since the objects of the pack are not known any more.
func (r *Runner) tellUnknown(ctx context.Context, pack string) {
	summary := fmt.Sprintf("Objects of the pack %q stay changed", pack)
	detail := fmt.Sprintf("The Secret kube-system/%s, which has the list of its objects, is gone or damaged since the plan was made. "+
		"The next plan applies the pack as a whole.", model.InventorySecret(pack))
	r.tell(ctx, summary, detail)
}

// tellHeld says which objects have changed and stay so.
func (r *Runner) tellHeld(ctx context.Context, pack string, held []model.Drift) {
	if len(held) == 0 {
		return
	}
	var names []string
	for _, d := range held {
		names = append(names, fmt.Sprintf("%s (%s)", d.ObjectRef, d.Held))
	}
	summary := fmt.Sprintf("Objects of the pack %q stay changed", pack)
	detail := fmt.Sprintf("They were not set back to what its manifests have: %s.", model.Listed(names))
	r.tell(ctx, summary, detail)
}

// tell warns about packs, at once and at the end.
func (r *Runner) tell(ctx context.Context, summary, detail string) {
	r.warnings.add(model.NewFinding(model.ClusterField(model.FieldPacks), summary, "%s", detail))
	r.Progress.Note(ctx, model.Change{Action: model.RunApply, Target: r.Spec.Name}, summary+". "+detail)
}
