package model

import (
	"context"
	"errors"

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
	// what the cluster says of it. It returns those kinds of the release's objects that some
	// version of Kubernetes does not serve.
	Apply(ctx context.Context, name string, chart Chart, check func(context.Context) error) (retiring []ObjectKind, err error)
	// Uninstall deletes a release and its history; one that is gone is success, as is one
	// that a user has made since.
	Uninstall(ctx context.Context, release Release, check func(context.Context) error) error
	// Deployed returns what Helm has stored of the revision of a release that is deployed; zero
	// where its last one has failed or not come to its end. ErrReleaseGone says that it is not there;
	// one that was not made for this cluster's pack is an error, too. It is one call for each five
	// revisions that none has superseded, and unpacks the last of them alone.
	Deployed(ctx context.Context, release Release) (DeployedRelease, error)
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

// ManifestsAPI is what a cluster's API does about packs of manifests.
type ManifestsAPI interface {
	// Written returns the objects of manifests, each once and in their order, as they are
	// written there. It makes no call.
	Written(ctx context.Context, manifests []string) ([]ObjectRef, error)
	// FindObjects returns them as the API names them, and which of them others have made. Of
	// those that are among known, that is as it was; it is one call for each other one, and a
	// few to learn which kinds there are. The namespace of one whose kind is not served yet is
	// as it is written.
	FindObjects(ctx context.Context, m PackManifests, known []PackObject) ([]PackObject, error)
	// Apply applies manifests (YAML, several documents allowed) server-side with the field
	// manager "gantry", with the marks of their owner on what is not taken over, and returns
	// their objects as the API names them. An object in a kind that does not exist yet is
	// retried until ctx ends, so that a CRD and its object may be in one pack.
	Apply(ctx context.Context, m PackManifests) ([]PackObject, error)
	// Drift returns those of a pack's objects, which m has as its inventory has them, that are
	// missing, have lost the marks of their owner, or of which someone has changed what the last
	// apply has set, and asks the API whether it lets them be set back where m has its manifests.
	// A shared one that has the marks of another pack is as that one has it. It is one call for
	// each fifty of a kind that have the marks, at most one for each other object, two for each
	// that has changed, and a few to learn which kinds there are. An error is of single kinds,
	// and what is known of the others is returned beside it.
	Drift(ctx context.Context, m PackManifests) ([]Drift, error)
	// SetBack applies those of a pack's objects that have changed, by force and without what is
	// left to others, and returns them as they are known from then on. What the API refuses, and
	// what has changed again after it was set back, is returned as held, and is no error.
	SetBack(ctx context.Context, m PackManifests, only []ObjectRef) (objects []PackObject, held []Drift, err error)
	// NotReady returns those of a pack's objects that are not ready by kstatus, or missing: one call
	// for each fifty of a kind that can be not ready and have the marks, at most one for each other
	// object, one more where claims for volumes are unbound, and a few to learn which kinds there are.
	// A Job that was deleted once it was done, as its manifest says, is ready unless its events, one
	// more call, say that it had failed.
	NotReady(ctx context.Context, m PackManifests) ([]NotReady, error)
	// Explain returns what the cluster says of the first of these objects: their condition, their last
	// events and the last lines of the log of a pod, in whole sentences; empty where it says nothing.
	// It is a few calls.
	Explain(ctx context.Context, objects []NotReady) string
	// DeleteObject deletes an object that has the marks of the owner, unless it is protected,
	// and waits for nothing: it is called again until the object is gone or stays. It is one
	// call or two, and a few more where the kind is not served or is that of definitions.
	DeleteObject(ctx context.Context, owner PackOwner, object ObjectRef) (ObjectEnd, error)
}

// ReleasesAPI is what a cluster's API does about the objects of releases.
type ReleasesAPI interface {
	// ReleaseDrift returns those of a release's objects that are missing, or of which others have
	// changed what its manifest sets, as far as the API notes who has set a field. It asks for the
	// release when no other one's manifest is being read, and keeps no manifest. It is one call for
	// each fifty of a kind and namespace, or of a kind in many namespaces, one for each object that has
	// few beside it or is not in that list, but in all not more than the release has objects, and one;
	// and a few to learn which kinds there are. An error is of single kinds, and what is known of the
	// others is returned beside it; ErrNotInTime is of those that were not read in time.
	ReleaseDrift(ctx context.Context, deployed func(context.Context) (DeployedRelease, error)) ([]Drift, error)
}

// ErrNotInTime says that objects were not read in the time that there is for it.
var ErrNotInTime = errors.New("not all objects were read in time")

// PackManifests are manifests and whose their objects are.
type PackManifests struct {
	Owner     PackOwner // zero: no one's, and they get no marks
	Manifests []string
	// Objects say which of their objects are taken over, and what is known of them.
	Objects []PackObject
	// Adopts has what Gantry has applied without a mark count as its own: an older one did.
	Adopts bool
}

// ObjectEnd is what has become of an object that leaves its pack.
type ObjectEnd struct {
	// Stays is why it is not deleted, and Leaving why it is not gone yet. Both are empty where
	// it is gone.
	Stays   string
	Leaving string
}
