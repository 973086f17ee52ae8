package plan

import (
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// maxKey bounds the path of a key in a message.
const maxKey = 120

// overrideFindings say what the profile has changed of packs that the cluster overrides, and
// what comes of it. Values are not in them: they may be secret.
func overrideFindings(v view) model.Findings {
	var f model.Findings
	for _, pack := range v.spec.Packs {
		var taken, kept []string
		for _, change := range pack.ProfileChanges(v.facts.API.Packs[pack.Name]) {
			key := printable.Line(change.Key, maxKey)
			if change.Conflict {
				kept = append(kept, key)
			} else {
				taken = append(taken, key)
			}
		}
		at := model.PackField(pack.Name, model.FieldOverride)
		if len(taken) > 0 {
			f.Warn(at, "The profile has changed under an override",
				"The values of the pack %q in the profile have changed since it was last applied. From the profile come: %s.",
				pack.Name, model.Listed(taken))
		}
		if len(kept) == 0 {
			continue
		}
		const conflict = "Override of what the profile has changed"
		if v.spec.RefuseConflicts {
			f.Refuse(at, conflict, "The profile has changed %s of the pack %q, and the override sets it to something else. "+
				"Take it out of the override for what the profile has, or set override_conflicts = \"warning\" for an apply in which "+
				"the override wins.", model.Listed(kept), pack.Name)
			continue
		}
		f.Warn(at, conflict, "The profile has changed %s of the pack %q, and the override sets it to something else: the override wins. "+
			"Take it out of the override for what the profile has.", model.Listed(kept), pack.Name)
	}
	return f
}
