package packs

import (
	"slices"

	helmrelease "helm.sh/helm/v4/pkg/release"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

// retiring are the kinds of a revision's objects that some version of Kubernetes does not serve, and
// of the hooks that run when the release is taken out or rolled back. Helm reads these again when
// it upgrades the release or takes it out, and stops at what the API does not serve.
func retiring(of helmrelease.Releaser) []model.ObjectKind {
	made, _ := of.(*releasev1.Release)
	if made == nil {
		return nil
	}
	manifests := made.Manifest
	for _, hook := range made.Hooks {
		if slices.ContainsFunc(hook.Events, runsLater) {
			manifests += "\n---\n" + hook.Manifest
		}
	}
	var kinds []model.ObjectKind
	for _, object := range objects(manifests) {
		kind := model.ObjectKind{APIVersion: object.GetAPIVersion(), Kind: object.GetKind()}
		if kubeversion.Retiring(kind.APIVersion, kind.Kind) && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// runsLater reports whether a hook of an event is of what a release may come to, and not of how it
// was made.
func runsLater(event releasev1.HookEvent) bool {
	return slices.Contains([]releasev1.HookEvent{
		releasev1.HookPreDelete, releasev1.HookPostDelete, releasev1.HookPreRollback, releasev1.HookPostRollback,
	}, event)
}
