package engine_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// altered is a cluster's API of which a test changes how packs are waited for; nil: as it is.
type altered struct {
	model.Kube
	notReady func(context.Context, model.API, model.PackManifests) ([]model.NotReady, error)
	explain  func()
	secret   func(name string) error
}

func (k altered) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return alteredAPI{API: api, by: k}, err
}

type alteredAPI struct {
	model.API
	by altered
}

func (a alteredAPI) NotReady(ctx context.Context, m model.PackManifests) ([]model.NotReady, error) {
	if a.by.notReady != nil {
		return a.by.notReady(ctx, a.API, m)
	}
	return a.API.NotReady(ctx, m)
}

func (a alteredAPI) Explain(ctx context.Context, objects []model.NotReady) string {
	if a.by.explain != nil {
		a.by.explain()
	}
	return a.API.Explain(ctx, objects)
}

func (a alteredAPI) Secret(ctx context.Context, name string) (map[string][]byte, error) {
	if a.by.secret != nil {
		if err := a.by.secret(name); err != nil {
			return nil, err
		}
	}
	return a.API.Secret(ctx, name)
}

// busy is the error of a call that the API has answered, and that may work a moment later.
type busy struct{}

func (busy) Error() string   { return "the webhook of the kind does not answer" }
func (busy) Transient() bool { return true }

// cluster is one with a pod network and nothing else, of a control plane and workers.
func (w *world) cluster(workers int) (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	spec := w.spec(1, workers)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	return spec, secrets
}

// job is the uid of a Job; empty: it is not there.
func (w *world) job(secrets *model.Secrets, name string) types.UID {
	w.t.Helper()
	job, err := w.clients(secrets).BatchV1().Jobs("default").Get(w.t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return ""
	}
	w.must(err)
	return job.UID
}

// removeJob deletes a Job, and waits until it is gone.
func (w *world) removeJob(secrets *model.Secrets, name string) {
	w.t.Helper()
	background := metav1.DeletePropagationBackground
	w.must(w.clients(secrets).BatchV1().Jobs("default").Delete(w.t.Context(), name, metav1.DeleteOptions{PropagationPolicy: &background}))
	w.gone(secrets, name)
}

func (w *world) gone(secrets *model.Secrets, job string) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); w.job(secrets, job) != ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatal("the Job is not gone")
		}
	}
}

// TestSetBackThatEndsInItsWait has runs that end while they wait for what they have set back: the
// next plan has the pack.
func TestSetBackThatEndsInItsWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	w.give(secrets, "app")
	spec.Packs = []model.Pack{network, waiting("app", "addon", 20*time.Second, needs("app", ""))}
	w.change(spec, secrets)
	w.must(w.clients(secrets).CoreV1().Secrets("default").Delete(t.Context(), "app", metav1.DeleteOptions{}))
	w.must(w.clients(secrets).AppsV1().Deployments("default").Delete(t.Context(), "app", metav1.DeleteOptions{}))
	w.expectDrift(spec, secrets, "apply_pack app (sets back 1 object)")
	ctx, cancel := context.WithCancel(t.Context())
	e := w.engine()
	e.Kube = altered{Kube: e.Kube, notReady: func(ctx context.Context, _ model.API, _ model.PackManifests) ([]model.NotReady, error) {
		cancel()
		return nil, context.Cause(ctx)
	}}
	_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	if ctx.Err() == nil {
		t.Fatal("it did not wait")
	}
	w.expectPlan(spec, secrets, "apply_pack app")
}

// TestFailedJobRunsAgain has a Job that has failed deleted by hand: the next apply makes it anew.
func TestFailedJobRunsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	spec.Packs = []model.Pack{network, waiting("app", "addon", 5*time.Second, task("migrate", "exit 2"))}
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "failed: Job default/migrate", "delete it", "makes it anew")
	if n := strings.Count(err.Error(), "Job default/migrate"); n != 1 {
		t.Errorf("it is named %d times in %v", n, err)
	}
	w.removeJob(secrets, "migrate")
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "failed: Job default/migrate")
	if w.job(secrets, "migrate") == "" {
		t.Error("the Job is not made anew")
	}
}

// TestFailedJobThatIsDeleted has a Job that has failed go away by itself: it does not count as done.
func TestFailedJobThatIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	job := strings.ReplaceAll(task("migrate", "exit 2"), "backoffLimit: 0", "backoffLimit: 0, ttlSecondsAfterFinished: 300")
	spec.Packs = []model.Pack{network, waiting("app", "addon", 5*time.Second, job)}
	for range 2 {
		w.expectPlan(spec, secrets, "apply_pack app")
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		expectSaid(t, err, "failed: Job default/migrate")
		expectPacks(t, out, model.StateDegraded, "NotReady", "Not ready: app")
		w.gone(secrets, "migrate")
	}
	w.expectPlan(spec, secrets, "apply_pack app")
}

// TestSetBackWaitsForNothingElse has an object of a pack deleted by hand, and a Job that has long
// been done, too: it is set back, and not the Job, for which nothing waits.
func TestSetBackWaitsForNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	for i, layer := range []string{"addon", "cni"} {
		name := "app-" + layer
		spec.Packs = append(spec.Packs[:1+i:1+i], waiting(name, layer, 5*time.Second, task(name, "sleep 1"), note(name)))
	}
	w.change(spec, secrets)
	for _, k := range spec.Packs[1:] {
		w.removeJob(secrets, k.Name)
		w.must(w.clients(secrets).CoreV1().ConfigMaps("default").Delete(t.Context(), k.Name, metav1.DeleteOptions{}))
	}
	w.change(spec, secrets)
	for _, k := range spec.Packs[1:] {
		if !w.hasNote(secrets, k.Name) || w.job(secrets, k.Name) != "" {
			t.Errorf("of %s not that was set back which had to be", k.Name)
		}
	}
	w.expectPlan(spec, secrets)
}

// TestWaitsOfARunHaveOneTime has four packs that are not ready, and a rollout: the first one uses
// up the time for all.
func TestWaitsOfARunHaveOneTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	for _, name := range []string{"a", "b", "c", "d"} {
		spec.Packs = append(spec.Packs, waiting(name, "addon", 2*time.Second, needs(name, "")))
	}
	spec.Workers[0].CPU = 4
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "apply_pack a: not within 2s", "apply_pack b: not ready: Deployment default/b", "wait_timeout", "wait = false")
	if n := strings.Count(err.Error(), "not within 2s"); n != 1 {
		t.Errorf("%d packs had their time: %v", n, err)
	}
	expectPacks(t, out, model.StateDegraded, "NotReady", "Not ready: a, b, c, d")
	for _, m := range out.Status.Nodes {
		if m.Name == "prod-general-1" {
			t.Error("the worker was not replaced")
		}
	}
}

// TestReadyByTheEnd has packs that become ready after the time for them is over, and before the
// apply ends: that is no failure, and what waits for them is left for the next one.
func TestReadyByTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	const here = "nodeSelector: {node-role.kubernetes.io/control-plane: ''}, tolerations: [{operator: Exists}],"
	spec.Packs = append(spec.Packs, waiting("app", "addon", time.Second, needs("app", here)))
	spec.Workers[0].CPU = 4
	e := w.engine()
	e.Kube = altered{Kube: e.Kube, explain: func() { w.give(secrets, "app") }}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	expectPacks(t, out, model.StateRunning, "AllApplied", "")
	w.expectPlan(kept(spec, out), secrets)
}

// TestBlipsOfTheAPIAreNoEnd has the API fail for a moment where a wait begins, and for good after it
// has said once what is not ready.
func TestBlipsOfTheAPIAreNoEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	var reads, looks atomic.Int64
	spec.Packs = []model.Pack{
		waiting("net", model.LayerCNI, 20*time.Second, network.Manifests[0], note("net")),
		waiting("app", "addon", 9*time.Second, needs("app", "")),
	}
	e := w.engine()
	e.Timing.APITimeout = 6 * time.Second
	e.Kube = altered{
		Kube: e.Kube,
		secret: func(name string) error {
			if name == model.InventorySecret("net") && reads.Add(1) == 3 {
				return busy{}
			}
			return nil
		},
		notReady: func(ctx context.Context, api model.API, m model.PackManifests) ([]model.NotReady, error) {
			if m.Owner.Pack == "app" && looks.Add(1) > 1 {
				return nil, busy{}
			}
			return api.NotReady(ctx, m)
		},
	}
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if reads.Load() < 4 {
		t.Errorf("the list of objects was read %d times", reads.Load())
	}
	expectSaid(t, err, "apply_pack app: not within 9s: not ready: Deployment default/app")
	if strings.Contains(err.Error(), "net") || strings.Contains(err.Error(), "has not answered") {
		t.Errorf("got %v", err)
	}
}

// TestWaitsHeedLayers has a pack that was not ready, and one before it that is not: it is not waited for.
func TestWaitsHeedLayers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	app := waiting("app", "addon", time.Second, needs("app", ""))
	spec.Packs = []model.Pack{network, app}
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "not ready: Deployment default/app")
	spec.Packs = []model.Pack{network, waiting("store", "csi", time.Second, needs("store", "")), app}
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "apply_pack store: not within 1s",
		"apply_pack app: the layer addon comes after the layer csi, of which the pack store is not ready")
}

// TestTimeoutsEndAWait has an apply end by its own time while it waits: the error names what is not
// ready, and why.
func TestTimeoutsEndAWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.cluster(1)
	spec.Packs = []model.Pack{network, waiting("app", "addon", time.Hour, needs("app", ""))}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	_, err := w.engine().Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	expectSaid(t, err, "apply_pack app: not ready: Deployment default/app (", "timeouts", "wait_timeout = 1h0m0s",
		"Its condition Available is False")
}
