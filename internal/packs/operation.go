package packs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// releases are those of one cluster.
type releases struct {
	charts  *charts
	config  *rest.Config
	cluster uuid.UUID
}

// operation is what is done with one release, under the caller's lock.
type operation struct {
	ctx       context.Context //nolint:containedctx // it is the life of the operation
	gate      *gate
	config    *rest.Config
	cluster   string
	namespace string
	name      string
	reasons   *reasons
}

func (r *releases) operation(ctx context.Context, namespace, name string, check func(context.Context) error) *operation {
	config := rest.CopyConfig(r.config)
	g := &gate{RoundTripper: config.Transport, check: check}
	config.Transport = during{RoundTripper: g, ctx: ctx}
	config.WarningHandler = rest.NoWarnings{}
	return &operation{
		ctx: ctx, gate: g, config: config, cluster: r.cluster.String(), namespace: namespace, name: name, reasons: &reasons{},
	}
}

// helm is the configuration of one action of Helm: what it discovers of the API is not
// older than the action.
func (o *operation) helm() (*action.Configuration, error) {
	client, err := discovery.NewDiscoveryClientForConfig(o.config)
	if err != nil {
		return nil, err
	}
	cached := memory.NewMemCacheClient(client)
	cfg := action.NewConfiguration(action.ConfigurationSetLogger(o.reasons))
	getter := &getter{operation: o, discovery: cached, mapper: restmapper.NewDeferredDiscoveryRESTMapper(cached)}
	if err := cfg.Init(getter, o.namespace, "secret"); err != nil {
		return nil, err
	}
	if client, ok := cfg.KubeClient.(*kube.Client); ok {
		client.Namespace = o.namespace
	}
	return cfg, nil
}

// waitOptions end the waits of an action with the operation.
func (o *operation) waitOptions() []kube.WaitOption {
	return []kube.WaitOption{kube.WithWaitContext(o.ctx)}
}

// done is how an action ended, and first of all why it was not allowed to go on.
func (o *operation) done(err error) error {
	if denied := o.gate.refusal(); denied != nil && err != nil {
		return denied
	}
	if err != nil && o.ctx.Err() != nil {
		return fmt.Errorf("%w (%w)", context.Cause(o.ctx), err)
	}
	return err
}

// history are the revisions of the release, the last one last; none where it is not there.
func (o *operation) history(cfg *action.Configuration) ([]*releasev1.Release, error) {
	list, err := cfg.Releases.History(o.name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, o.done(fmt.Errorf("read the history of the release %s/%s: %w", o.namespace, o.name, err))
	}
	var revisions []*releasev1.Release
	for _, entry := range list {
		revision, ok := entry.(*releasev1.Release)
		if !ok {
			return nil, fmt.Errorf("the release %s/%s was made by a Helm that this one does not understand", o.namespace, o.name)
		}
		revisions = append(revisions, revision)
	}
	slices.SortFunc(revisions, func(a, b *releasev1.Release) int { return a.Version - b.Version })
	return revisions, nil
}

// getter is how Helm asks for clients. Nothing of it reads a file.
type getter struct {
	*operation
	discovery discovery.CachedDiscoveryInterface
	mapper    meta.ResettableRESTMapper
}

// ToRESTConfig implements genericclioptions.RESTClientGetter.
func (g *getter) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(g.config), nil }

// ToDiscoveryClient implements genericclioptions.RESTClientGetter.
func (g *getter) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	return g.discovery, nil
}

// ToRESTMapper implements genericclioptions.RESTClientGetter.
func (g *getter) ToRESTMapper() (meta.RESTMapper, error) { return g.mapper, nil }

// ToRawKubeConfigLoader implements genericclioptions.RESTClientGetter.
func (g *getter) ToRawKubeConfigLoader() clientcmd.ClientConfig {
	overrides := &clientcmd.ConfigOverrides{Context: clientcmdapi.Context{Namespace: g.namespace}}
	return clientcmd.NewDefaultClientConfig(*clientcmdapi.NewConfig(), overrides)
}
