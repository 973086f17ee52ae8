package plan

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// drift is what was found of the objects of a pack, of which nothing else is to be applied: what
// an apply sets anyway, or deletes, has not changed.
func (v view) drift(pack model.Pack) model.PackDrift {
	if pack.IgnoresDrift || !pack.Applied(v.facts.API.Packs[pack.Name]) || v.objectsDiffer(pack) {
		return model.PackDrift{}
	}
	drift := v.facts.API.Drift[pack.Name]
	if waits := v.spec.SetsBack != nil && !v.spec.SetsBack[pack.Name]; waits {
		drift.Back = nil
		drift.MoreBack = 0
	}
	return drift
}

// driftStep sets back the objects of a pack that have changed.
func driftStep(pack model.Pack, position int, drift model.PackDrift) model.Step {
	step := model.ApplyPack{Pack: pack, Position: position, Drifted: drift.SetsBack()}
	for _, d := range drift.Back {
		step.SetsBack = append(step.SetsBack, d.ObjectRef)
	}
	return step
}

// driftFindings say which objects have changed, which of them an apply sets back, and what is not
// known. Each has a summary of its own: of several with the same one, only the first is shown.
func driftFindings(v view) model.Findings {
	var f model.Findings
	var late []string
	for _, pack := range v.spec.Packs {
		drift := v.drift(pack)
		if drift.Late {
			late = append(late, pack.Name)
		}
		if len(drift.Back) > 0 {
			f.Warn(packsField, fmt.Sprintf("Objects of the pack %q have changed", pack.Name),
				"They are not as its manifests have set them: %s. An apply sets them back, once. What others are to set has to be left out of "+
					"the manifests; or set drift_detection = false.",
				listedDrift(drift.Back, drift.MoreBack))
		}
		if pack.Chart != nil {
			f.Add(releaseFindings(pack, drift))
			continue
		}
		f.Add(heldFindings(pack, drift))
		if drift.Problem != "" {
			f.Warn(packsField, fmt.Sprintf("Objects of the pack %q could not be compared", pack.Name),
				"Whether all of them are as its manifests have set them is not known: %s", drift.Problem)
		}
	}
	if len(late) > 0 {
		f.Warn(packsField, "Objects of packs were not compared in time",
			"Whether all of them are as they were applied is not known of the packs %s: the time that a plan takes for all packs, "+
				"or for the objects of a kind, was over before. Set drift_detection = false on the largest packs, so that there is time "+
				"for the others.", model.Listed(late))
	}
	return f
}

// heldFindings say which objects of manifests have changed that no apply sets back.
func heldFindings(pack model.Pack, drift model.PackDrift) model.Findings {
	var f model.Findings
	if len(drift.Held) > 0 {
		f.Warn(packsField, fmt.Sprintf("Objects of the pack %q have changed, and stay so", pack.Name),
			"They are not as its manifests have set them, and no apply sets them back unless the manifests change: %s. Leave out of the "+
				"manifests what others are to set, have whoever sets it leave it, or make the object anew; or set drift_detection = false.",
			listedDrift(drift.Held, drift.MoreHeld))
	}
	return f
}

func listedDrift(drift []model.Drift, more int) string {
	var names []string
	for _, d := range drift {
		names = append(names, d.String())
	}
	listed := model.Listed(names)
	if more > 0 {
		listed = fmt.Sprintf("%s; %d more", listed, more)
	}
	return listed
}
