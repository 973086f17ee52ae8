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
	return model.Leaving(inventory, v.facts.API.AskingToGo[pack], v.spec.Packs)
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
		f.Add(v.goingFindings(name, pack, stays))
		if stays && pack.Chart == nil && have.HasManifests() {
			f.Add(v.unknownFindings(pack, have))
			continue
		}
		if !have.HasManifests() || have.KeepObjects {
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

// goingFindings warn of what an apply takes along with precious objects that ask to go.
func (v view) goingFindings(name string, pack model.Pack, stays bool) model.Findings {
	var f model.Findings
	var going []string
	have := v.facts.API.Packs[name]
	keep := have.KeepObjects
	if stays && pack.Chart == nil {
		keep = pack.KeepObjects
		if len(pack.Manifests) == 0 || pack.Applied(have) && !v.objectsDiffer(pack) {
			return f // nothing of it is pruned, or what is not known before the apply
		}
	}
	for _, ref := range v.prunes(name, keep) {
		if ref.Precious() {
			going = append(going, ref.String())
		}
	}
	if len(going) > 0 {
		f.Warn(packsField, fmt.Sprintf("What is in objects of the pack %q goes with them", name),
			"With objects that have the annotation gantry.io/prune: enabled goes all that is in them, whoever has made it: %s.",
			model.Listed(going))
	}
	return f
}

// unknownFindings warn where manifests change and it is not known which objects leave them.
func (v view) unknownFindings(pack model.Pack, have model.AppliedPack) model.Findings {
	var f model.Findings
	if pack.KeepObjects || pack.Applied(have) || have.Inventory && !v.inventoryLost(pack.Name) {
		return f
	}
	f.Warn(packsField, "The objects of a pack are not known",
		"The manifests of the pack %q change, and the cluster has no list of the objects that they had: an older Gantry has applied it, or the "+
			"Secret kube-system/%s was deleted. What leaves the manifests with this apply stays in the cluster: delete by hand what is not "+
			"needed. After the apply there is a list.", pack.Name, model.InventorySecret(pack.Name))
	return f
}

// objectsDiffer reports whether a pack of manifests that was applied has to be applied again, since
// its objects are not known, or another pack has had some of them.
func (v view) objectsDiffer(pack model.Pack) bool {
	return v.inventoryLost(pack.Name) || v.takesBack(pack)
}

// takesBack reports whether a pack has an object that another one has had, too, and has no more: it
// may have the marks of that one, until this pack is applied again.
func (v view) takesBack(pack model.Pack) bool {
	ours := map[model.ObjectRef]bool{}
	for _, o := range v.facts.API.Inventories[pack.Name] {
		ours[o] = true
	}
	for name, theirs := range v.facts.API.Inventories {
		other, stays := v.pack(name)
		unknown := stays && other.Chart == nil && len(other.Manifests) == 0 // before the apply
		if name == pack.Name || unknown {
			continue
		}
		common := slices.DeleteFunc(slices.Clone(theirs), func(o model.ObjectRef) bool { return !ours[o] })
		if len(common) == 0 {
			continue
		}
		written := other.Objects()
		if slices.ContainsFunc(common, func(o model.ObjectRef) bool { return !slices.ContainsFunc(written, o.Names) }) {
			return true
		}
	}
	return false
}
