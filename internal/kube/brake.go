package kube

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// maxWays bounds how many fields of an object are known to have been set back. An object of which
// more were is in the way of someone, and is set back no more.
const maxWays = 64

// anyWay stands for all fields of an object.
const anyWay = "*"

// way is how an object has changed in a field; nil: it is missing.
func way(p fieldpath.Path) string {
	if p == nil {
		return "missing"
	}
	return p.String()
}

// ways are how it has changed in several, each for itself: what changes along with a field, or is
// set back before it, makes it no other one.
func ways(changes []change) []string {
	var all []string
	for _, c := range changes {
		all = append(all, way(c.path))
	}
	return all
}

// heldBefore is why an object is not set back of which a field has changed again after an apply had
// set it back; empty: none has.
func (a *api) heldBefore(o model.PackObject, ways []string) string {
	for _, way := range ways {
		if slices.Contains(o.SetBack, anyWay) || slices.Contains(o.SetBack, a.hashes.text("way", way)) {
			return "an apply has set it back before, and it has changed in the same way again"
		}
	}
	return ""
}

// noteSetBack notes in which ways an object was set back.
func (a *api) noteSetBack(o *model.PackObject, ways []string) {
	all := slices.Clone(o.SetBack)
	for _, way := range ways {
		all = append(all, a.hashes.text("way", way))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > maxWays {
		all = []string{anyWay}
	}
	o.SetBack = all
}

// keepSetBack has an object that was applied be known as set back where it was, unless its
// manifest is another one than it was then.
func keepSetBack(done *model.PackObject, known []model.PackObject) {
	for _, o := range known {
		if o.ObjectRef == done.ObjectRef && o.Manifest == done.Manifest && done.Manifest != "" {
			done.SetBack = o.SetBack
		}
	}
}
