package observe

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// driftTime bounds how long objects are compared, of all packs together.
const driftTime = 30 * time.Second

// readInventories reads the objects of packs of manifests that go when they leave their pack,
// one call a pack, and compares them with what the last apply has left. A list that is damaged is
// none.
func readInventories(ctx context.Context, api model.API, target model.Target, facts *model.APIFacts) error {
	inventories := map[string]*model.Inventory{}
	for name, pack := range facts.Packs {
		if !pack.Inventory {
			continue
		}
		stored, err := api.Secret(ctx, model.InventorySecret(name))
		if err != nil {
			return err
		}
		inventory, err := model.DecodeInventory(stored[model.InventoryKey])
		if err != nil {
			continue
		}
		if facts.Inventories == nil {
			facts.Inventories = map[string][]model.ObjectRef{}
		}
		refs := []model.ObjectRef{}
		for _, o := range inventory.Objects {
			if !o.TakenOver {
				refs = append(refs, o.ObjectRef)
			}
			if !o.TakenOver && o.AsksToGo && o.Precious() {
				if facts.AskingToGo == nil {
					facts.AskingToGo = map[string][]model.ObjectRef{}
				}
				facts.AskingToGo[name] = append(facts.AskingToGo[name], o.ObjectRef)
			}
		}
		facts.Inventories[name] = refs
		inventories[name] = inventory
	}
	compareObjects(ctx, api, target, inventories, facts)
	return nil
}

// compareObjects looks which objects of packs are not as their last apply has left them. What
// cannot be read has not changed as far as is known, and that is told. A pack that is applied again
// in any case, since it has not come to its end or its manifests are other ones, is not looked at.
func compareObjects(
	ctx context.Context, api model.API, target model.Target, inventories map[string]*model.Inventory, facts *model.APIFacts,
) {
	ctx, cancel := context.WithTimeout(ctx, driftTime)
	defer cancel()
	holders := holdersOf(target, inventories)
	slots := make(chan struct{}, comparedAtOnce)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, pack := range target.Packs {
		inventory := inventories[pack.Name]
		if inventory == nil || !pack.Applied(facts.Packs[pack.Name]) {
			continue
		}
		var objects []model.PackObject
		for _, o := range inventory.Objects {
			of := holders[o.ObjectRef]
			o.Shared = len(of) > 1
			if of[len(of)-1] == pack.Name {
				objects = append(objects, o)
			}
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			drift := comparePack(ctx, api, model.PackManifests{
				Owner: model.PackOwner{Cluster: inventory.Cluster, Pack: pack.Name}, Manifests: pack.Manifests, Objects: objects,
			})
			mu.Lock()
			defer mu.Unlock()
			if drift.Empty() {
				return
			}
			if facts.Drift == nil {
				facts.Drift = map[string]model.PackDrift{}
			}
			facts.Drift[pack.Name] = drift
		})
	}
	wg.Wait()
}

// holdersOf are the packs that have an object, in the order in which they are applied. Of several,
// the last one alone is asked about it: it is as that one has it. Packs that are not compared come
// first.
func holdersOf(target model.Target, inventories map[string]*model.Inventory) map[model.ObjectRef][]string {
	holders := map[model.ObjectRef][]string{}
	add := func(name string) {
		if inventories[name] == nil {
			return
		}
		for _, o := range inventories[name].Objects {
			if !slices.Contains(holders[o.ObjectRef], name) {
				holders[o.ObjectRef] = append(holders[o.ObjectRef], name)
			}
		}
	}
	compared := func(name string) bool {
		return slices.ContainsFunc(target.Packs, func(pack model.Pack) bool { return pack.Name == name })
	}
	for _, name := range slices.Sorted(maps.Keys(inventories)) {
		if !compared(name) {
			add(name)
		}
	}
	for _, pack := range target.Packs {
		add(pack.Name)
	}
	return holders
}

func comparePack(ctx context.Context, api model.API, m model.PackManifests) model.PackDrift {
	found, err := api.Drift(ctx, m)
	drift := model.NewPackDrift(found)
	switch {
	case err != nil && ctx.Err() != nil:
		drift.Late = true
	case err != nil:
		drift.Problem = printable.Line(err.Error(), maxProblem)
	}
	return drift
}

// comparedAtOnce bounds of how many packs the objects are read at once.
const comparedAtOnce = 4

// maxProblem bounds what is told of why objects could not be compared.
const maxProblem = 500
