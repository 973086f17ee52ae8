package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// waiting is a pack of manifests whose objects are waited for.
func waiting(name, layer string, limit time.Duration, manifests ...string) model.Pack {
	return model.Pack{Name: name, Layer: layer, Manifests: manifests, Wait: true, WaitTimeout: limit}
}

// needs is a Deployment whose pods begin once there is a Secret of its name.
func needs(name, podSpec string) string {
	return fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {namespace: default, name: %[1]s}\n"+
		"spec: {selector: {matchLabels: {app: %[1]s}}, template: {metadata: {labels: {app: %[1]s}}, spec: {%[2]s\n"+
		"  volumes: [{name: key, secret: {secretName: %[1]s}}],\n"+
		"  containers: [{name: c, image: i, volumeMounts: [{name: key, mountPath: /key}]}]}}}\n", name, podSpec)
}

// task is a Job that runs a script of a shell.
func task(name, script string) string {
	return fmt.Sprintf("apiVersion: batch/v1\nkind: Job\nmetadata: {namespace: default, name: %s}\nspec: {backoffLimit: 0, template: {spec: "+
		"{restartPolicy: Never, containers: [{name: c, image: i, command: [sh, -c, %q]}]}}}\n", name, script)
}

func note(name string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: default, name: " + name + "}\n"
}

// give makes the Secret for which pods wait.
func (w *world) give(secrets *model.Secrets, name string) {
	w.t.Helper()
	key := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := w.clients(secrets).CoreV1().Secrets("default").Create(w.t.Context(), key, metav1.CreateOptions{})
	w.must(err)
}

func (w *world) hasNote(secrets *model.Secrets, name string) bool {
	w.t.Helper()
	_, err := w.clients(secrets).CoreV1().ConfigMaps("default").Get(w.t.Context(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		w.t.Fatal(err)
	}
	return err == nil
}

// expectPacks fails unless the condition of packs says so.
func expectPacks(t *testing.T, out *engine.Outcome, state model.State, reason, message string) {
	t.Helper()
	if c := statusCondition(t, out.Status, "PacksApplied"); out.Status.State != state || c.Reason != reason || c.Message != message {
		t.Errorf("it is %s, and %+v", out.Status.State, c)
	}
}

// TestPacksWaitForThoseBefore has a CSI that does not become ready: what comes after it is not
// applied, the error says why, and every later apply waits again, until it is.
func TestPacksWaitForThoseBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	after := waiting("after", "csi", time.Second, note("after"))
	after.DependsOn = []string{"store"}
	spec.Packs = []model.Pack{
		network, waiting("store", "csi", time.Second, needs("store", "")), after,
		waiting("beside", "csi", time.Second, note("beside")), waiting("app", "addon", time.Second, note("app")),
	}
	for _, plan := range [][]string{
		{"apply_pack store", "apply_pack after", "apply_pack beside", "apply_pack app"},
		{"apply_pack store", "apply_pack after", "apply_pack app"},
		{"apply_pack store", "apply_pack after", "apply_pack app"},
	} {
		w.expectPlan(spec, secrets, plan...)
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err == nil {
			t.Fatal("what is not ready was not waited for")
		}
		for _, want := range []string{
			plan[0] + ": not within 1s: not ready: Deployment default/store (",
			"Its condition Available is False: MinimumReplicasUnavailable", "Its pod store-",
			"apply_pack after: it depends on the pack store, which is not ready",
			"apply_pack app: the layer addon comes after the layer csi, of which the pack store is not ready",
		} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in %v", want, err)
			}
		}
		expectPacks(t, out, model.StateDegraded, "NotApplied", "Not applied: after, app. Not ready: store")
		if w.hasNote(secrets, "after") || w.hasNote(secrets, "app") || !w.hasNote(secrets, "beside") {
			t.Error("not those packs were applied that may be")
		}
	}
	off := spec
	off.Packs = slices.Clone(spec.Packs)
	off.Packs[1].Wait = false
	w.expectPlan(off, secrets, "apply_pack after", "apply_pack app")

	w.give(secrets, "store")
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &[]model.Change{
		{Action: model.ActionApplyPack, Target: "store"}, {Action: model.ActionApplyPack, Target: "after"},
		{Action: model.ActionApplyPack, Target: "app"},
	}})
	w.must(err)
	expectPacks(t, out, model.StateRunning, "AllApplied", "")
	w.expectPlan(spec, secrets)
}

// TestNetworkIsWaitedForAfterWorkers has a pod network one part of which runs on workers alone: it
// is ready in the apply that makes the cluster, before storage is applied.
func TestNetworkIsWaitedForAfterWorkers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	onWorkers := strings.ReplaceAll(needs("operator", "nodeSelector: {tier: general},"), "secretName", "optional: true, secretName")
	net := waiting("net", model.LayerCNI, 20*time.Second, network.Manifests[0], onWorkers)
	spec.Packs = []model.Pack{net, waiting("store", "csi", 20*time.Second, task("store", "sleep 20"))}
	before := w.plan(spec, newSecrets(t))
	at := func(action string) int { return slices.Index(actions(before), action) }
	if at("apply_pack net") > at("create_node prod-general-1") || at("create_node prod-general-1") > at("wait_for_pack net") ||
		at("wait_for_pack net") > at("apply_pack store") || at("apply_pack net") < 0 {
		t.Errorf("planned %v", actions(before))
	}
	spec, secrets, out := w.applied(spec)
	expectPacks(t, out, model.StateRunning, "AllApplied", "")
	job, err := w.clients(secrets).BatchV1().Jobs("default").Get(t.Context(), "store", metav1.GetOptions{})
	w.must(err)
	if job.Status.Succeeded != 1 {
		t.Errorf("a Job that takes its time was not waited for: %+v", job.Status)
	}
	w.expectPlan(spec, secrets)
}

// TestNotReadyKeepsNothingFromNodes has a change of nodes in an apply whose packs are not ready, of
// the network too: the nodes are replaced all the same, and the packs after it wait.
func TestNotReadyKeepsNothingFromNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 2)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	spec.Packs = []model.Pack{
		waiting("net", model.LayerCNI, time.Second, network.Manifests[0], needs("operator", "")),
		waiting("app", "addon", time.Second, needs("app", "")),
	}
	spec.Workers[0].CPU = 4
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "wait_for_pack net: not within 1s") || strings.Contains(err.Error(), "rollout stops") {
		t.Fatalf("got %v", err)
	}
	expectPacks(t, out, model.StateDegraded, "NotApplied", "Not applied: app. Not ready: net")
	for _, m := range out.Status.Nodes {
		if m.Name == "prod-general-1" || m.Name == "prod-general-2" {
			t.Errorf("%s was not replaced", m.Name)
		}
	}
	spec = kept(spec, out)
	w.expectPlan(spec, secrets, "apply_pack net", "wait_for_pack net", "apply_pack app")
	for _, name := range []string{"operator", "app"} {
		w.give(secrets, name)
	}
	w.change(spec, secrets)
	w.expectPlan(spec, secrets)
}

// TestFailedJobEndsTheWait has a Job that fails: the apply ends at once, with what it has said.
func TestFailedJobEndsTheWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	spec.Packs = []model.Pack{network, waiting("app", "addon", time.Hour, needs("app", ""), task("migrate", "echo no database; exit 2"))}
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	for _, want := range []string{
		"apply_pack app: failed: Job default/migrate (Failed: Job Failed. failed: 1/1, BackoffLimitExceeded)",
		"Its condition Failed is True: BackoffLimitExceeded",
		"Its last events: BackoffLimitExceeded", "The last lines of its log:\nno database",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	w.expectPlan(spec, secrets, "apply_pack app")
}

// TestSetBackWaits has a Deployment deleted by hand: the apply that makes it anew waits for it.
func TestSetBackWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	w.give(secrets, "app")
	spec.Packs = []model.Pack{network, waiting("app", "addon", 20*time.Second, needs("app", ""))}
	w.change(spec, secrets)
	w.must(w.clients(secrets).CoreV1().Secrets("default").Delete(t.Context(), "app", metav1.DeleteOptions{}))
	w.must(w.clients(secrets).AppsV1().Deployments("default").Delete(t.Context(), "app", metav1.DeleteOptions{}))
	w.expectDrift(spec, secrets, "apply_pack app (sets back 1 object)")
	spec.Packs[1].WaitTimeout = time.Second
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil ||
		!strings.Contains(err.Error(), "not ready: Deployment default/app") {
		t.Errorf("got %v", err)
	}
	w.expectDrift(spec, secrets, "apply_pack app")
	w.give(secrets, "app")
	w.change(spec, secrets)
	w.expectPlan(spec, secrets)
}

// mute is a cluster's API that does not answer any more what is asked while packs are waited for.
type mute struct {
	model.Kube
	mu    sync.Mutex
	asked map[string]int // how often, by pack
}

func (k *mute) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return muteAPI{api, k}, err
}

type muteAPI struct {
	model.API
	of *mute
}

func (a muteAPI) NotReady(_ context.Context, m model.PackManifests) ([]model.NotReady, error) {
	a.of.mu.Lock()
	defer a.of.mu.Unlock()
	a.of.asked[m.Owner.Pack]++
	return nil, unreached{}
}

// unreached is the error of a call to which no answer has come.
type unreached struct{}

func (unreached) Error() string        { return "no route to host" }
func (unreached) Transient() bool      { return true }
func (unreached) Is(target error) bool { return target == model.ErrNoAnswer }

// TestSilentAPIIsWaitedForOnce has the API away while three packs are waited for, each of which has
// an hour: the first one is waited for as long as an API is given, the others are looked at in their
// turn and at the end, and each says so.
func TestSilentAPIIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network}
	spec, secrets, _ := w.applied(spec)
	spec.Packs = []model.Pack{network}
	for _, name := range []string{"a", "b", "c"} {
		spec.Packs = append(spec.Packs, waiting(name, "addon", time.Hour, needs(name, "")))
	}
	e := w.engine()
	silent := &mute{Kube: e.Kube, asked: map[string]int{}}
	e.Kube = silent
	e.Timing.APITimeout = 4 * time.Second
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	const want = "since the cluster's API has not answered for 4s: no route to host"
	if err == nil || strings.Count(err.Error(), want) != 3 {
		t.Errorf("got %v", err)
	}
	if n := silent.asked; n["a"] <= 2 || n["b"] > 2 || n["c"] > 2 {
		t.Errorf("it was asked about %v", n)
	}
	expectPacks(t, out, model.StateDegraded, "NotReady", "Not ready: a, b, c")
	w.expectPlan(spec, secrets, "apply_pack a", "apply_pack b", "apply_pack c")
}
