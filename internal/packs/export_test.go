package packs

import (
	"context"
	"net/http"

	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/client-go/rest"
)

// Diagnose is what is said of the objects of a manifest that are not ready.
func Diagnose(ctx context.Context, config *rest.Config, namespace, manifest string) string {
	o := &operation{ctx: ctx, config: config, namespace: namespace}
	return o.diagnose(&releasev1.Release{Manifest: manifest})
}

// ToItsOwn takes logins away from requests that were sent on.
func ToItsOwn(t http.RoundTripper) http.RoundTripper { return toItsOwn{t} }
