package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// maxNamed bounds how many objects that are not ready are named.
const maxNamed = 10

// What to do about a pack that is not ready.
const (
	adviceFailed  = "Fix the cause, and delete it or give it another name: the next apply makes it anew."
	adviceUnknown = "The next apply applies the pack again, and waits."
	adviceTime    = "The next apply applies the pack again, and waits; its wait_timeout gives it more time, and " +
		"wait = false has no apply wait for it."
)

// why is the error of a wait that has not seen a pack ready: what is not ready, what the cluster says
// of it, and what to do.
func (l *packLook) why(ctx context.Context) error {
	if !l.known || l.ends != nil {
		return l.whyUnknown()
	}
	left := l.left
	begin := "not ready"
	advice := adviceTime
	end := ""
	switch {
	case l.failed():
		left = slices.DeleteFunc(slices.Clone(left), func(o model.NotReady) bool { return !o.Failed })
		begin = "failed"
		advice = adviceFailed
	case ctx.Err() != nil:
		end = fmt.Sprintf("; the time that timeouts gives this apply was over before wait_timeout = %s", l.pack.WaitTimeout)
	case l.once:
		end = "; another pack has used up the time in which this apply waits, and it was looked at once"
	default:
		begin = fmt.Sprintf("not within %s: not ready", l.pack.WaitTimeout)
	}
	words := fmt.Sprintf("%s: %s%s.", begin, namedObjects(left), end)
	// It has a time of its own, and is most wanted where this one is over.
	if said := withoutNames(l.api.Explain(context.WithoutCancel(ctx), left), left); said != "" {
		words += " " + said
	}
	return errors.New(strings.TrimSuffix(words, "\n") + " " + advice)
}

// whyUnknown is the error where the API has not told.
func (l *packLook) whyUnknown() error {
	cause := l.ends
	if cause == nil {
		cause = l.unknown
	}
	left := ""
	if l.known {
		left = fmt.Sprintf(" What was not ready before: %s.", namedObjects(l.left))
	}
	if l.ends == nil && !l.once {
		return fmt.Errorf("whether its objects are ready is not known: not within %s: %w. %s", l.pack.WaitTimeout, cause, adviceUnknown)
	}
	return fmt.Errorf("whether its objects are ready is not known, since %w.%s %s", cause, left, adviceUnknown)
}

// withoutNames is what the cluster says of objects, without what was said of them before: that
// they are not ready, and, where it is one alone, its name.
func withoutNames(said string, left []model.NotReady) string {
	for _, o := range left {
		name := o.String() + ":"
		if len(left) == 1 {
			name = ""
		}
		said = strings.Replace(said, fmt.Sprintf("%s is not ready (%s).", o, o.Why), name, 1)
	}
	return strings.TrimPrefix(said, " ")
}

// namedObjects are objects and why they are not ready.
func namedObjects(objects []model.NotReady) string {
	var names []string
	for _, o := range objects[:min(len(objects), maxNamed)] {
		names = append(names, fmt.Sprintf("%s (%s)", o.ObjectRef, o.Why))
	}
	if more := len(objects) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return model.Listed(names)
}

// notBegun is the error that names the steps that the failure of another one, as of a pack, has kept
// from being done.
func notBegun(steps []model.Step) error {
	var names []string
	for _, step := range steps {
		names = append(names, step.Change().String())
	}
	return fmt.Errorf("left for the next apply: %s", model.Listed(names))
}

// ofPacks are the steps on packs among others.
func ofPacks(steps []model.Step) []model.Step {
	return slices.DeleteFunc(slices.Clone(steps), func(step model.Step) bool {
		switch step.(type) {
		case model.ApplyPack, model.WaitForPack, model.InstallPack, model.UpgradePack, model.UninstallPack,
			model.WriteCredentials, model.DeleteCredentials:
			return false
		}
		return true
	})
}
