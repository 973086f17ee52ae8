package packs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/resource"
)

// resumeInstallation judges a release of which no revision was ever good. Where none of its
// objects is there, its history goes, and it is installed as if for the first time; begun
// reports whether there is one left. What it holds otherwise may be in use: it is upgraded
// over, unless hooks are outstanding that Helm runs in an installation alone.
func (o *operation) resumeInstallation(revisions []*releasev1.Release) (begun bool, err error) {
	cfg, err := o.helm()
	if err != nil {
		return false, err
	}
	last := revisions[len(revisions)-1]
	exist, err := o.anyExists(cfg, last)
	if err != nil {
		return false, err
	}
	if exist {
		return true, o.outstanding(revisions)
	}
	for _, r := range revisions {
		if _, err := cfg.Releases.Delete(r.Name, r.Version); err != nil {
			return false, o.done(fmt.Errorf("delete revision %d of the release %s/%s, of which nothing was made: %w",
				r.Version, o.namespace, o.name, err))
		}
	}
	return false, nil
}

// anyExists reports whether one of a revision's objects is there.
func (o *operation) anyExists(cfg *action.Configuration, r *releasev1.Release) (bool, error) {
	objects, err := cfg.KubeClient.Build(bytes.NewBufferString(r.Manifest), false)
	if err != nil {
		return false, o.done(fmt.Errorf("read the objects of the release %s/%s: %w", o.namespace, o.name, err))
	}
	exist := false
	err = objects.Visit(func(info *resource.Info, err error) error {
		if err != nil || exist {
			return err
		}
		err = info.Get()
		exist = err == nil
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, o.done(fmt.Errorf("look for the objects of the release %s/%s: %w", o.namespace, o.name, err))
	}
	return exist, nil
}

// outstanding is an error where a hook of an installation has not succeeded that an upgrade does
// not run: what it prepares would be missing for good.
func (o *operation) outstanding(revisions []*releasev1.Release) error {
	var names []string
	for _, h := range revisions[0].Hooks {
		if installsOnly(h) && h.LastRun.Phase != releasev1.HookPhaseSucceeded {
			names = append(names, h.Kind+" "+h.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("the first installation of the release %s/%s did not come to its end, and of its hooks that Helm "+
		"runs in an installation alone these did not succeed: %s. Where the release holds nothing that is needed, "+
		"take it out by `helm uninstall -n %s %s` and "+
		"apply again. Where it does, do by hand what they do and bring the release to a revision that works by `helm upgrade`",
		o.namespace, o.name, strings.Join(names, ", "), o.namespace, o.name)
}

// installsOnly reports whether a hook runs in installations, and not in upgrades at the same point.
func installsOnly(h *releasev1.Hook) bool {
	has := func(event releasev1.HookEvent) bool { return slices.Contains(h.Events, event) }
	return has(releasev1.HookPreInstall) && !has(releasev1.HookPreUpgrade) ||
		has(releasev1.HookPostInstall) && !has(releasev1.HookPostUpgrade)
}
