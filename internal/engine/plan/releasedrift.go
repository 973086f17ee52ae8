package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// releaseGone reports whether the release of a pack that was applied is not there any more, or was not
// when the plan was made that is applied.
func (v view) releaseGone(pack model.Pack) bool {
	if pack.Chart == nil || !pack.Applied(v.facts.API.Packs[pack.Name]) {
		return false
	}
	if v.spec.Reinstalls != nil {
		return v.spec.Reinstalls[pack.Name]
	}
	return v.drift(pack).Gone
}

// releaseFindings say in one warning what has become of the release of a pack and its objects, none of
// which an apply sets back.
func releaseFindings(pack model.Pack, drift model.PackDrift) model.Findings {
	var f model.Findings
	release := pack.Release()
	var sentences []string
	say := func(text string, args ...any) { sentences = append(sentences, fmt.Sprintf(text, args...)) }
	summary := ""
	switch {
	case drift.Gone:
		summary = "The release of the pack %q is gone"
		say("Helm has no release %s/%s in the cluster any more, as after `helm uninstall`: an apply installs it again. If it is not to be "+
			"there, take the pack out of the configuration.", release.Namespace, release.Name)
	case len(drift.Held) > 0:
		summary = "Objects of the pack %q have changed"
		sentences = changedOfRelease(release, drift)
	case drift.Version != "":
		summary = "The release of the pack %q was changed by hand"
	case drift.Problem != "":
		summary = "Objects of the pack %q could not be compared"
	default:
		return f
	}
	if drift.Version != "" {
		say("The release has version %s of its chart in revision %d, which no apply has made. The next change of the pack sets it to the "+
			"pack's version and values: set those to what is to be there.", drift.Version, drift.Revision)
	}
	if drift.Problem != "" {
		say("Whether all of its objects are as its chart and values have set them is not known: %s.", strings.TrimSuffix(drift.Problem, "."))
	}
	say("To have plans not look, set drift_detection = false.")
	f.Warn(packsField, fmt.Sprintf(summary, pack.Name), "%s", strings.Join(sentences, " "))
	return f
}

// changedOfRelease has a sentence for each way in which objects have changed, and one for what to do.
func changedOfRelease(release model.Release, drift model.PackDrift) []string {
	var others, leaving, changed, missing []model.Drift
	for _, d := range drift.Held {
		switch {
		case d.Release != "":
			others = append(others, d)
		case len(d.Leaving) > 0:
			leaving = append(leaving, d)
		case d.Missing():
			missing = append(missing, d)
		default:
			changed = append(changed, d)
		}
	}
	var sentences []string
	for _, c := range []struct {
		of   []model.Drift
		text string
	}{
		{changed, "Others have changed what its release sets: %s."},
		{missing, "Of its release there are missing: %s."},
		{others, "Objects belong to another release by now: %s. Take them out of one of the two charts: each upgrade takes them over."},
		{leaving, "Objects were deleted more than an hour ago and do not go: %s. See that what has set these finalizers takes them away."},
	} {
		if len(c.of) > 0 {
			sentences = append(sentences, fmt.Sprintf(c.text, listedDrift(c.of, 0)))
		}
	}
	if drift.MoreHeld > 0 {
		sentences = append(sentences, fmt.Sprintf("There are %d more.", drift.MoreHeld))
	}
	if len(changed)+len(missing) == 0 {
		return sentences
	}
	sentences = append(sentences, "The next upgrade of the release sets back what was changed and makes what is missing, and no apply does "+
		"before. What others are to set, have the chart leave out by its values.")
	if drift.Revision > 0 && !slices.ContainsFunc(drift.Held, harmedByRollback) {
		sentences = append(sentences, fmt.Sprintf("To set it back now: `%s`, by Helm 4, while that is its last revision.",
			rollback(release, drift)))
	}
	return sentences
}

// harmedByRollback reports whether a rollback does harm: it writes over what may be the only copy, makes
// a webhook, a definition or an aggregated API without the authority that a hook of the upgrade gives
// it, and a claim without what the volume held. It would take the objects of another release, too.
func harmedByRollback(d model.Drift) bool {
	switch d.Group {
	case "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io":
		return true
	}
	return d.Held != "" || d.Release != "" || d.Kind == "PersistentVolumeClaim"
}

// rollback is the command that sets back the objects of a release. What others have set is not taken
// back without force where Helm applies on the server's side, and elsewhere Helm refuses to force.
func rollback(release model.Release, drift model.PackDrift) string {
	command := fmt.Sprintf("helm rollback %s %d -n %s", release.Name, drift.Revision, release.Namespace)
	if drift.ServerSide {
		command += " --force-conflicts"
	}
	return command
}
