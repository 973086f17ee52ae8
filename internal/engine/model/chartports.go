package model

import "context"

// Charts is what the engine needs of Helm: charts, wherever they are kept, and their
// releases in clusters.
type Charts interface {
	// Resolve finds a chart, and checks it against the version of Kubernetes that it is
	// installed on and its values against its schema. What is wrong is the result's
	// Problem. It reads each chart once, however often it is asked.
	Resolve(ctx context.Context, chart Chart, kubernetesVersion string) ResolvedChart
	// Connect returns the releases of a cluster. Of a kubeconfig it takes what
	// pki.ParseKubeconfig returns. It makes no call.
	Connect(kubeconfig []byte) (Releases, error)
}

// Releases are those of one cluster. What changes anything there asks check right before
// every single call, after all waiting.
type Releases interface {
	// Apply installs or upgrades a release so that it is of a resolved chart, and waits as
	// the chart asks for. One that a dead run has left pending is brought back first, since
	// the caller holds the cluster's lock. An upgrade that fails is rolled back; a first
	// installation that fails stays. The error names the object that is not ready, with
	// what the cluster says of it.
	Apply(ctx context.Context, name string, chart Chart, check func(context.Context) error) error
	// Uninstall deletes a release and its history; one that is gone is success.
	Uninstall(ctx context.Context, release Release, check func(context.Context) error) error
}
