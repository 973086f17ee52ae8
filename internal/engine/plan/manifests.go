package plan

import (
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// prunes are the objects that the cluster has of a pack of manifests, and no pack of the
// profile any more.
func (v view) prunes(pack string, keep bool) []model.ObjectRef {
	inventory := v.facts.API.Inventories[pack]
	if keep || len(inventory) == 0 {
		return nil
	}
	return model.Leaving(inventory, v.spec.Packs)
}

// inventoryLost reports whether the objects of a pack of manifests are not known any more.
func (v view) inventoryLost(pack string) bool {
	_, known := v.facts.API.Inventories[pack]
	return v.facts.API.Packs[pack].Inventory && !known
}

// manifestsFindings refuse to take out a pack of manifests whose objects are not known, and one
// without which the nodes of a running cluster do not work.
func manifestsFindings(v view) model.Findings {
	var f model.Findings
	for _, name := range sortedKeys(v.facts.API.Packs) {
		have := v.facts.API.Packs[name]
		pack, stays := v.pack(name)
		if !have.HasManifests() || have.KeepObjects || stays && pack.Chart == nil {
			continue
		}
		field := packsField
		layer := have.Layer
		what := fmt.Sprintf("The pack %q is taken out of the profile", name)
		if stays {
			field = model.PackField(name, model.FieldChart)
			what = fmt.Sprintf("The pack %q becomes one of a chart", name)
			if layer == "" {
				layer = pack.Layer
			}
		}
		switch {
		case !have.Inventory || v.inventoryLost(name):
			f.Refuse(field, "The objects of a pack are not known",
				"%s, and the cluster has no list of the objects of its manifests: an older Gantry has applied it, or the Secret "+
					"kube-system/%s was deleted. Put the manifests back under that name, with a change such as a comment, apply, "+
					"and do this after.", what, model.InventorySecret(name))
		case slices.Contains([]string{model.LayerCNI, model.LayerCPI, model.LayerCSI}, layer) && len(v.prunes(name, false)) > 0:
			f.Refuse(field, "Nodes do not work without this pack",
				"%s, and its objects would go before anything takes their place: it has the layer %s. Keep the pack under its name and "+
					"give it the manifests of what takes its place, which are applied before the former ones are pruned. Or set "+
					"prune = false on it and apply, so that its objects stay when it is taken out after, and delete them by hand.",
				what, layer)
		}
	}
	return f
}
