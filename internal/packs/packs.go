// Package packs is Helm: it finds charts in HTTP repositories, OCI registries and folders,
// and keeps releases of them in clusters, through the clusters' API alone. What Helm does,
// Helm's own SDK does here; this package decides what it is asked to do, and says what came
// of it.
package packs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/client-go/rest"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Options configure where charts come from and how clusters are reached.
type Options struct {
	// Cluster configures clients of a cluster's API by its kubeconfig.
	Cluster func(kubeconfig []byte) (*rest.Config, error)
	// Timeout bounds the download of a chart. Zero means a minute.
	Timeout time.Duration
	// Hosts are those of repositories and registries that need more than their name, by that: with
	// a port where it is not the one that the host has anyway.
	Hosts map[string]Host
}

// fieldManager owns the fields that Helm sets, as with the command of that name.
const fieldManager = "helm"

var nameFieldManager = sync.OnceFunc(func() { kube.ManagedFieldsManager = fieldManager })

// New returns the engine's port to Helm. It makes no call.
func New(o Options) model.Charts {
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	nameFieldManager()
	hosts := newHosts(o.Hosts)
	registries := retry.NewTransport(limited{hosts.transport()})
	return &charts{
		options:    o,
		hosts:      hosts,
		registries: toItsOwn{registries},
		http:       &http.Client{Transport: loggingIn{RoundTripper: registries, hosts: hosts}},
		found:      map[source]*finding{},
		indexes:    map[string]*repositoryIndex{},
	}
}

// charts finds charts, and keeps what it has found for as long as the process lives: a run
// asks for the same ones when it plans and when it applies.
type charts struct {
	options Options
	hosts   hosts
	// registries is the way to registries, which are logged in to as they ask for it, and http the
	// one to repositories.
	registries http.RoundTripper
	http       *http.Client
	logins     logins

	mu      sync.Mutex
	found   map[source]*finding
	indexes map[string]*repositoryIndex
}

// source is where a chart of one version is.
type source struct{ repository, name, version, pinned string }

// finding is a chart that was looked for.
type finding struct {
	mu      sync.Mutex // held while it is
	archive []byte     // empty: it was not found yet
}

// Resolve implements model.Charts.
func (c *charts) Resolve(ctx context.Context, chart model.Chart, kubernetesVersion string) model.ResolvedChart {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	content, digest, err := c.load(ctx, chart)
	if errors.Is(err, errLater) {
		return model.ResolvedChart{Later: true}
	}
	if err != nil {
		return model.ResolvedChart{Problem: sentence(err), Unreachable: unreachable(err)}
	}
	resolved := model.ResolvedChart{Name: content.Metadata.Name, Version: content.Metadata.Version, Digest: digest}
	if err := check(content, chart, kubernetesVersion); err != nil {
		resolved.Problem = sentence(err)
	}
	return resolved
}

// Connect implements model.Charts.
func (c *charts) Connect(kubeconfig []byte, cluster uuid.UUID) (model.Releases, error) {
	config, err := c.options.Cluster(kubeconfig)
	if err != nil {
		return nil, err
	}
	return &releases{charts: c, config: config, cluster: cluster}, nil
}

// archive returns the archive of a chart that is not a path, checked by the
// digest that it is held to.
func (c *charts) archive(ctx context.Context, chart model.Chart) ([]byte, error) {
	at := source{repository: chart.Repository, name: chart.Name, version: chart.Version, pinned: chart.Digest}
	fetch := c.fromRepository
	if chart.OCI != "" {
		at.repository = chart.OCI
		fetch = c.fromRegistry
	}
	c.mu.Lock()
	f := c.found[at]
	if f == nil {
		f = &finding{}
		c.found[at] = f
	}
	c.mu.Unlock()

	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.archive) > 0 {
		return f.archive, nil
	}
	archive, digest, err := fetch(ctx, chart)
	if err != nil {
		return nil, err
	}
	if chart.Digest != "" && chart.Digest != digest {
		return nil, fmt.Errorf("version %s of the chart has the digest %s, and the configuration holds it to %s: "+
			"other content was published under the same version. Find out by whom and why, and change digest only then",
			chart.Version, digest, chart.Digest)
	}
	f.archive = archive
	return archive, nil
}
