package packs

import (
	"slices"

	helmrelease "helm.sh/helm/v4/pkg/release"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

// retiring are the kinds of a revision's objects, hooks among them, that some version of Kubernetes
// does not serve. Helm reads all of them again when it upgrades the release or takes it out, and
// stops at what the API does not serve.
func retiring(of helmrelease.Releaser) []model.ObjectKind {
	made, _ := of.(*releasev1.Release)
	if made == nil {
		return nil
	}
	manifests := made.Manifest
	for _, hook := range made.Hooks {
		manifests += "\n---\n" + hook.Manifest
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
