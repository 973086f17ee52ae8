package observe

import (
	"context"
	"errors"
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
func readInventories(ctx context.Context, api cluster, target model.Target, facts *model.APIFacts) error {
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
	ctx context.Context, api cluster, target model.Target, inventories map[string]*model.Inventory, facts *model.APIFacts,
) {
	ctx, cancel := context.WithTimeout(ctx, driftTime)
	defer cancel()
	holders := holdersOf(target, inventories)
	slots := make(chan struct{}, comparedAtOnce)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, pack := range target.Packs {
		var compare func() model.PackDrift
		have := facts.Packs[pack.Name]
		switch inventory := inventories[pack.Name]; {
		case pack.Chart != nil && have.Release != nil && pack.Applied(have):
			release := *have.Release
			compare = func() model.PackDrift { return compareRelease(ctx, api, release) }
		case pack.Chart == nil && inventory != nil && pack.Applied(have):
			m := model.PackManifests{
				Owner: model.PackOwner{Cluster: inventory.Cluster, Pack: pack.Name}, Manifests: pack.Manifests,
				Objects: objectsOf(pack.Name, inventory, holders),
			}
			compare = func() model.PackDrift { return comparePack(ctx, api, m) }
		default:
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			drift := compare()
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

// objectsOf are the objects about which a pack is asked: those that no later one has, too.
func objectsOf(pack string, inventory *model.Inventory, holders map[model.ObjectRef][]string) []model.PackObject {
	var objects []model.PackObject
	for _, o := range inventory.Objects {
		of := holders[o.ObjectRef]
		o.Shared = len(of) > 1
		if of[len(of)-1] == pack {
			objects = append(objects, o)
		}
	}
	return objects
}

// holdersOf are the packs that have an object, in the order in which they are applied. Of several,
// the last one alone is asked about it: it is as that one has it. Packs that are not compared come
// first, as one does that becomes a chart.
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
		return slices.ContainsFunc(target.Packs, func(pack model.Pack) bool { return pack.Name == name && pack.Chart == nil })
	}
	for _, name := range slices.Sorted(maps.Keys(inventories)) {
		if !compared(name) {
			add(name)
		}
	}
	for _, pack := range target.Packs {
		if pack.Chart == nil {
			add(pack.Name)
		}
	}
	return holders
}

func comparePack(ctx context.Context, api model.API, m model.PackManifests) model.PackDrift {
	found, err := api.Drift(ctx, m)
	return withProblem(ctx, model.NewPackDrift(found), err)
}

// compareRelease compares the objects of a release with what Helm has stored of it. One whose last
// revision is not deployed is not compared.
func compareRelease(ctx context.Context, api cluster, release model.Release) model.PackDrift {
	releases, err := api.releases()
	if err != nil {
		return withProblem(ctx, model.PackDrift{}, err)
	}
	var read model.DeployedRelease
	found, err := api.ReleaseDrift(ctx, func(ctx context.Context) (model.DeployedRelease, error) {
		deployed, err := releases.Deployed(ctx, release)
		read = deployed
		read.Manifest = "" // it may be large
		return deployed, err
	})
	if errors.Is(err, model.ErrReleaseGone) {
		return model.PackDrift{Gone: true}
	}
	return withProblem(ctx, model.NewReleaseDrift(release, read, found), err)
}

// withProblem is what was found, and why it is not all.
func withProblem(ctx context.Context, drift model.PackDrift, err error) model.PackDrift {
	if err != nil && ctx.Err() != nil {
		drift.Late = true
		return drift
	}
	if errors.Is(err, model.ErrNotInTime) {
		drift.Late = true
		err = but(err, model.ErrNotInTime)
	}
	if err != nil {
		drift.Problem = printable.Line(err.Error(), maxProblem)
	}
	return drift
}

// but is an error without those of several that are another one.
func but(err, without error) error {
	several, joined := err.(interface{ Unwrap() []error })
	if !joined {
		if errors.Is(err, without) {
			return nil
		}
		return err
	}
	var left []error
	for _, one := range several.Unwrap() {
		left = append(left, but(one, without))
	}
	return errors.Join(left...)
}

// comparedAtOnce bounds of how many packs the objects are read at once.
const comparedAtOnce = 4

// maxProblem bounds what is told of why objects could not be compared.
const maxProblem = 500
