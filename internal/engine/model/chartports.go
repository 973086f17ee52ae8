package model

import (
	"context"

	"github.com/google/uuid"
)

// Charts is what the engine needs of Helm: charts, wherever they are kept, and their
// releases in clusters.
type Charts interface {
	// Resolve finds a chart, and checks it against the version of Kubernetes that it is
	// installed on and its values against its schema. What is wrong is the result's
	// Problem. It reads each chart once, however often it is asked.
	Resolve(ctx context.Context, chart Chart, kubernetesVersion string) ResolvedChart
	// Connect returns the releases of a cluster. Of a kubeconfig it takes what
	// pki.ParseKubeconfig returns. It makes no call.
	Connect(kubeconfig []byte, cluster uuid.UUID) (Releases, error)
}

// Releases are those of one cluster. What changes anything there asks check right before
// every single call, after all waiting. A release that was not made for this cluster's pack
// is never touched.
type Releases interface {
	// Apply installs or upgrades a release so that it is of a resolved chart, and waits as
	// the chart asks for. One that a dead run has left pending is brought back first, since
	// the caller holds the cluster's lock. An upgrade that fails is rolled back; a first
	// installation that fails stays, and is upgraded or installed anew over what is there. The error names the object that is not ready, with
	// what the cluster says of it.
	Apply(ctx context.Context, name string, chart Chart, check func(context.Context) error) error
	// Uninstall deletes a release and its history; one that is gone is success, as is one
	// that a user has made since.
	Uninstall(ctx context.Context, release Release, check func(context.Context) error) error
}

// CredentialsAPI is what a cluster's API does about the credentials of packs.
type CredentialsAPI interface {
	// PutCredentials stores the Secret of a pack's credentials with exactly this data, in a
	// namespace that it makes where it is missing; also over one that is not its own. It is
	// four calls at most.
	PutCredentials(ctx context.Context, pack Pack, data map[string][]byte) error
	// RestartMounting has the workloads of a pack make their pods anew that mount the Secret
	// of its credentials, or have it in their environment, unless they have its present
	// version by an earlier call. It waits for none of them. It is four calls, and one a workload.
	RestartMounting(ctx context.Context, pack Pack) error
	// DeleteCredentials deletes what PutCredentials has stored for a pack; what is gone, or
	// another's by now, is success.
	DeleteCredentials(ctx context.Context, pack string, c Credentials) error
}

// ServicesAPI is what a status asks of what runs in a cluster.
type ServicesAPI interface {
	// Services returns the services of type LoadBalancer and NodePort, sorted by namespace and
	// name; one call for each 500 of all services.
	Services(ctx context.Context) ([]Service, error)
	// Usage returns how much of the nodes is used and requested; two calls, and one more for
	// each 500 pods. Where metrics are not served, nothing is Measured, which is no error.
	Usage(ctx context.Context) (Usage, error)
}
