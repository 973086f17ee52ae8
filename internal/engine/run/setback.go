package run

import (
	"context"
	"errors"
	"fmt"

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
		return r.applyPack(ctx, s.Pack, s.Position)
	}
	objects, held, err := api.SetBack(bounded, model.PackManifests{
		Owner: model.PackOwner{Cluster: inventory.Cluster, Pack: s.Pack.Name}, Manifests: s.Pack.Manifests, Objects: inventory.Objects,
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
	if err := writeInventory(bounded, api, s.Pack.Name, *inventory); err != nil {
		return err
	}
	r.tellHeld(ctx, s.Pack.Name, held)
	return r.waitAvailable(ctx, api, s.Pack.Await)
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
	r.warnings.add(model.NewFinding(model.ClusterField(model.FieldPacks), summary, "%s", detail))
	r.Progress.Note(ctx, model.Change{Action: model.RunApply, Target: r.Spec.Name}, summary+". "+detail)
}
