package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// releasePack installs or upgrades the release of a pack. That it has begun is stored in
// the cluster before: whatever never comes to its end is a change in the next plan, also
// where the configuration is as before by then, and is uninstalled when the pack leaves the
// profile.
func (r *Runner) releasePack(ctx context.Context, pack model.Pack, position int) error {
	if err := r.dependencies(pack); err != nil {
		return err
	}
	releases, err := r.releases(ctx)
	if err != nil {
		return err
	}
	release := pack.Release()
	have := r.packs.get(pack.Name)
	switch {
	case have.HasManifests():
		return errors.New("the objects of its manifests are not gone yet, and go before its chart is installed")
	case have.Release == nil:
		have = model.AppliedPack{Release: &release, Position: position}
	case have.Release.Namespace != release.Namespace:
		return fmt.Errorf("its release in the namespace %s is not uninstalled yet, and goes before it is installed in %s",
			have.Release.Namespace, release.Namespace)
	}
	have.Source = pack.Chart.Source()
	if err := r.noteBegun(ctx, pack.Name, have); err != nil {
		return err
	}
	waits := ""
	if pack.Chart.Wait {
		waits = " and waits for its objects"
	}
	Waiting(ctx, fmt.Sprintf("Helm, which makes the release %s/%s, runs its hooks%s", release.Namespace, release.Name, waits))
	retiring, err := releases.Apply(ctx, pack.Name, *pack.Chart, r.changes.checkPatiently)
	if err != nil {
		return err
	}
	r.packs.set(pack.Name, model.AppliedPack{
		Hash:     pack.Hash(),
		Digest:   pack.Chart.Resolved.Digest,
		Source:   pack.Chart.Source(),
		Release:  &release,
		Position: position,
		Retiring: retiring,
	})
	return nil
}

// rememberProfiles notes what the profile's values are under the overrides of packs that are
// applied, also where they come to the same as before and nothing was to be done. Of a pack that
// could not be applied, the next plan tells again what has changed.
func (r *Runner) rememberProfiles() {
	for _, pack := range r.Spec.Packs {
		if have := r.packs.get(pack.Name); pack.Chart != nil && pack.Applied(have) {
			have.Profile = pack.ProfileValues()
			r.packs.set(pack.Name, have)
		}
	}
}

// noteBegun stores in the cluster that a pack is neither as it was nor as it is to be. What is
// known of its release stays: by that it is taken out.
func (r *Runner) noteBegun(ctx context.Context, name string, have model.AppliedPack) error {
	have.Hash = ""
	r.packs.set(name, have)
	return r.storeImportData(ctx)
}

// dependencies is an error where a pack that has to be there before another one is not: one that it
// depends on, or, in this run, one of an earlier layer.
func (r *Runner) dependencies(pack model.Pack) error {
	for _, other := range r.Spec.Packs {
		if why := r.packs.failure(other.Name); other.EarlierLayer(pack) && why != nil {
			return lacks(why, "the layer %s comes after the layer %s, of which the pack %s", pack.Layer, other.Layer, other.Name)
		}
	}
	for _, name := range pack.DependsOn {
		i := slices.IndexFunc(r.Spec.Packs, func(k model.Pack) bool { return k.Name == name })
		why := r.packs.failure(name)
		if i >= 0 && (why != nil || !r.Spec.Packs[i].Applied(r.packs.get(name))) {
			return lacks(why, "it depends on the pack %s, which", name)
		}
	}
	return nil
}

// lacks is the error of a pack for which another one is missing, for the reason why, if there is
// one: like that, it keeps nothing from nodes where the other one is only not ready.
func lacks(why error, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if why != nil && !stops(why) {
		return &NotReadyError{Err: fmt.Errorf("%s is not ready; the next apply applies it once that is ready", what)}
	}
	return errors.New(what + " is not applied")
}

func (r *Runner) uninstallPack(ctx context.Context, s model.UninstallPack) error {
	if s.Release == (model.Release{}) {
		return r.removeObjects(ctx, s)
	}
	releases, err := r.releases(ctx)
	if err != nil {
		return err
	}
	have := r.packs.get(s.Pack)
	have.Release = &s.Release
	if err := r.noteBegun(ctx, s.Pack, have); err != nil {
		return err
	}
	Waiting(ctx, fmt.Sprintf("Helm, which uninstalls the release %s/%s and waits until its objects are gone",
		s.Release.Namespace, s.Release.Name))
	if err := releases.Uninstall(ctx, s.Release, r.changes.checkPatiently); err != nil {
		return err
	}
	r.packs.remove(s.Pack)
	return nil
}

// releases are those of the cluster, once its API answers.
func (r *Runner) releases(ctx context.Context) (model.Releases, error) {
	if r.Charts == nil {
		return nil, errors.New("this engine installs no charts")
	}
	if _, err := r.api.wait(ctx); err != nil {
		return nil, err
	}
	return r.Charts.Connect(r.Secrets.Kubeconfig, r.Spec.ID)
}
