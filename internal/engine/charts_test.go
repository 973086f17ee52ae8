package engine_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

func (w *world) restConfig(kubeconfig []byte) (*rest.Config, error) {
	return kube.RESTConfig(kube.Options{ProxyURL: w.sim.ProxyURL()}, kubeconfig)
}

// clients are those of a cluster's own users.
func (w *world) clients(secrets *model.Secrets) *kubernetes.Clientset {
	w.t.Helper()
	config, err := w.restConfig(secrets.Kubeconfig)
	w.must(err)
	clients, err := kubernetes.NewForConfig(config)
	w.must(err)
	return clients
}

// chartPack is a pack of the test's chart.
func chartPack(path string, values ...string) model.Pack {
	return model.Pack{Name: "app", Layer: "addon", Chart: &model.Chart{
		Path: path, Namespace: "apps", Values: values, Wait: true, Timeout: 20 * time.Second,
	}}
}

// withChart is a running cluster with a pod network and a pack of the test's chart.
func (w *world) withChart(pack model.Pack) (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network, pack}
	spec, secrets, out := w.applied(spec)
	if out.Status.State != model.StateRunning {
		w.t.Errorf("%+v", out.Status)
	}
	return spec, secrets
}

// revisions are the revisions of a release and their status, as Helm's own command reads
// them.
func (w *world) revisions(secrets *model.Secrets, name string) []string {
	w.t.Helper()
	list, err := w.clients(secrets).CoreV1().Secrets("apps").List(w.t.Context(), metav1.ListOptions{LabelSelector: "owner=helm,name=" + name})
	w.must(err)
	var all []string
	for _, s := range list.Items {
		if s.Type != "helm.sh/release.v1" {
			w.t.Errorf("Secret %s is of type %s", s.Name, s.Type)
		}
		all = append(all, s.Labels["version"]+" "+s.Labels["status"])
	}
	slices.Sort(all)
	return all
}

func (w *world) configMap(secrets *model.Secrets) *corev1.ConfigMap {
	w.t.Helper()
	m, err := w.clients(secrets).CoreV1().ConfigMaps("apps").Get(w.t.Context(), "app", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return m
}

func (w *world) expectPlan(spec model.ClusterSpec, secrets *model.Secrets, want ...string) {
	w.t.Helper()
	p := w.plan(spec, secrets)
	if got := actions(p); !slices.Equal(got, want) || p.Err() != nil {
		w.t.Errorf("planned %v, %v, and not %v", got, p.Err(), want)
	}
	if len(want) == 0 {
		w.expectDrift(spec, secrets)
	}
}

// expectDrift fails unless a plan after a refresh has these actions, since of that much someone
// has changed what packs have set.
func (w *world) expectDrift(spec model.ClusterSpec, secrets *model.Secrets, want ...string) {
	w.t.Helper()
	facts, p := w.refreshed(spec, secrets)
	if got := actions(p); !slices.Equal(got, want) || p.Err() != nil {
		w.t.Errorf("planned %v, %v, and not %v, by the drift %v", got, p.Err(), want, facts.API.Drift)
	}
}

// TestChartIsInstalledUpgradedAndUninstalled is the life of a pack of a chart: Helm's
// command would list its release, only what matters is a change, and what is taken out of
// the profile is uninstalled.
func TestChartIsInstalledUpgradedAndUninstalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	spec, secrets := w.withChart(chartPack(folder, "text: one\nreplicas: 1\n"))
	if got := w.revisions(secrets, "app"); !slices.Equal(got, []string{"1 deployed"}) {
		t.Errorf("revisions %v", got)
	}
	if m := w.configMap(secrets); m == nil || m.Data["text"] != "one" || m.Labels["app.kubernetes.io/managed-by"] != "Helm" {
		t.Fatalf("ConfigMap %v", m)
	}
	w.expectPlan(spec, secrets)

	// Another spelling of the same values.
	spec.Packs[1] = chartPack(folder, "replicas: 2 # for now\n", "'replicas': 1\n", "text: \"one\"\n")
	w.expectPlan(spec, secrets)

	files := testchart.Files("1.1.0")
	files["noise"] = noise(2 << 20) // of which no compression makes less than a Secret takes
	spec.Packs[1] = chartPack(testchart.Folder(t, files), "text: two\n")
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil ||
		!strings.Contains(err.Error(), ".helmignore. Nothing of the upgrade was applied.") {
		t.Errorf("got %v", err)
	}

	spec.Packs[1] = chartPack(testchart.Folder(t, testchart.Files("1.1.0")), "text: two\n")
	w.expectPlan(spec, secrets, "upgrade_pack app (demo 1.1.0)")
	w.change(spec, secrets)
	if got := w.revisions(secrets, "app"); !slices.Equal(got, []string{"1 superseded", "2 deployed"}) {
		t.Errorf("revisions %v", got)
	}
	if m := w.configMap(secrets); m == nil || m.Data["text"] != "two" || m.Data["version"] != "1.1.0" {
		t.Errorf("ConfigMap %v", m)
	}
	w.expectPlan(spec, secrets)

	spec.Packs = spec.Packs[:1]
	w.expectPlan(spec, secrets, "uninstall_pack app (demo 1.1.0)")
	w.change(spec, secrets)
	if m := w.configMap(secrets); m != nil || len(w.revisions(secrets, "app")) > 0 {
		t.Errorf("ConfigMap %v, revisions %v", m, w.revisions(secrets, "app"))
	}
	w.expectPlan(spec, secrets)
}

// noise are bytes that are alike in each run.
func noise(size int) string {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content) // it never fails
	return string(content)
}

// change applies a spec and fails the test if that does.
func (w *world) change(spec model.ClusterSpec, secrets *model.Secrets) {
	w.t.Helper()
	_, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
}

// TestUpgradeThatFailsIsRolledBack has a version whose pods do not start, and one whose hook does
// not end: the error names the Deployment or the Job, the former version serves again, and a
// version that works ends it.
func TestUpgradeThatFailsIsRolledBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	spec, secrets := w.withChart(chartPack(folder, "text: one"))

	spec.Packs[1] = chartPack(folder, "text: two", "missing: nowhere")
	spec.Packs[1].Chart.Timeout = 2 * time.Second
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "Deployment apps/app is not ready") ||
		!strings.Contains(err.Error(), "rolled back to revision 1, of version 1.0.0") {
		t.Fatalf("got %v", err)
	}
	if c := statusCondition(t, out.Status, "PacksApplied"); out.Status.State != model.StateDegraded || c.Message != "Not applied: app" {
		t.Errorf("%s, %+v", out.Status.State, c)
	}
	if m := w.configMap(secrets); m == nil || m.Data["text"] != "one" {
		t.Errorf("ConfigMap %v", m)
	}
	if got := w.revisions(secrets, "app"); !slices.Equal(got, []string{"1 superseded", "2 failed", "3 deployed"}) {
		t.Errorf("revisions %v", got)
	}

	// Its hook is a Job that takes longer than the pack has time for.
	spec.Packs[1] = chartPack(folder, "text: two", "hookMissing: nowhere")
	spec.Packs[1].Chart.Timeout = 2 * time.Second
	if _, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil ||
		!strings.Contains(err.Error(), "Job apps/app-prepare is not ready") || !strings.Contains(err.Error(), "rolled back to revision 3") {
		t.Errorf("got %v", err)
	}

	spec.Packs[1] = chartPack(folder, "text: two")
	w.expectPlan(spec, secrets, "upgrade_pack app (demo 1.0.0)")
	w.change(spec, secrets)
	if m := w.configMap(secrets); m == nil || m.Data["text"] != "two" {
		t.Errorf("ConfigMap %v", m)
	}
}

// TestInstallationThatFailsStays has a first installation whose pods never start: the cluster
// is Degraded, its release stays for users to look at, what depends on it waits, the next
// plan resumes it, and taking the pack out uninstalls it all the same.
func TestInstallationThatFailsStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	spec, secrets := w.spec(1, 1), newSecrets(t)
	later := chartPack(folder)
	later.Name = "later"
	later.DependsOn = []string{"app"}
	spec.Packs = []model.Pack{network, chartPack(folder, "missing: nowhere"), later}
	spec.Packs[1].Chart.Timeout = 2 * time.Second
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !out.APIReached || !strings.Contains(err.Error(), "Deployment apps/app is not ready") ||
		!strings.Contains(err.Error(), "The release stays as it is") ||
		!strings.Contains(err.Error(), "install_pack later (demo 1.0.0): it depends on the pack app, which is not applied") {
		t.Fatalf("got %v", err)
	}
	if out.Status.State != model.StateDegraded {
		t.Errorf("%+v", out.Status)
	}
	spec = kept(spec, out)
	if got := w.revisions(secrets, "app"); !slices.Equal(got, []string{"1 failed"}) {
		t.Errorf("revisions %v", got)
	}
	w.expectPlan(spec, secrets, "install_pack app (demo 1.0.0)", "install_pack later (demo 1.0.0)")

	taken := spec
	taken.Packs = spec.Packs[:1]
	w.expectPlan(taken, secrets, "uninstall_pack app (demo 1.0.0)")

	repaired := spec
	repaired.Packs = []model.Pack{network, chartPack(folder), later}
	w.change(repaired, secrets)
	if got := w.revisions(secrets, "app"); !slices.Equal(got, []string{"1 failed", "2 deployed"}) &&
		!slices.Equal(got, []string{"1 superseded", "2 deployed"}) {
		t.Errorf("revisions %v", got)
	}
	w.expectPlan(repaired, secrets)
}

// TestChartIsInstalledWithItsOverride has the values of profile and override merged in the release.
// What the profile changes under the override is told until it was applied, also where there is
// nothing to do about it.
func TestChartIsInstalledWithItsOverride(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	pack := func(profile, override string) model.Pack {
		k := chartPack(folder, profile)
		k.Chart.Override = override
		return k
	}
	expectText := func(secrets *model.Secrets, text string, revisions ...string) {
		t.Helper()
		if m := w.configMap(secrets); m == nil || m.Data["text"] != text {
			t.Errorf("ConfigMap %v", m)
		}
		if got := w.revisions(secrets, "app"); !slices.Equal(got, revisions) {
			t.Errorf("revisions %v", got)
		}
	}
	expectWarnings := func(spec model.ClusterSpec, secrets *model.Secrets, want ...string) {
		t.Helper()
		var about []string
		for _, warning := range w.plan(spec, secrets).Warnings {
			if warning.Fields[0].Name == model.FieldOverride {
				about = append(about, warning.Detail)
			}
		}
		if len(about) != len(want) {
			t.Fatalf("warns %q", about)
		}
		for i := range want {
			if !strings.Contains(about[i], want[i]) {
				t.Errorf("warns %q, and not %q", about[i], want[i])
			}
		}
	}
	spec, secrets := w.withChart(pack("text: one\nreplicas: 1\n", "text: mine"))
	expectText(secrets, "mine", "1 deployed")
	expectWarnings(spec, secrets)

	spec.Packs[1] = pack("text: two\nreplicas: 1\n", "'text': \"mine\" # still")
	w.expectPlan(spec, secrets)
	expectWarnings(spec, secrets, "has changed text of the pack")
	w.change(spec, secrets)
	expectText(secrets, "mine", "1 deployed")
	expectWarnings(spec, secrets)

	spec.Packs[1] = pack("text: two\nreplicas: 1\nmissing: nowhere\n", "text: mine")
	spec.Packs[1].Chart.Timeout = 2 * time.Second
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil {
		t.Error("pods that never start were waited for")
	}
	expectWarnings(spec, secrets, "From the profile come: missing.")
	rolledBack := []string{"1 superseded", "2 failed", "3 deployed"}
	expectText(secrets, "mine", rolledBack...)

	spec.Packs[1] = pack("text: three\nreplicas: 2\n", "text: mine")
	spec.RefuseConflicts = true
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil ||
		!strings.Contains(err.Error(), "has changed text of the pack") {
		t.Errorf("got %v", err)
	}
	expectText(secrets, "mine", rolledBack...)
	spec.Packs[1] = pack("text: three\nreplicas: 2\n", "{}")
	w.expectPlan(spec, secrets, "upgrade_pack app (demo 1.0.0)")
	w.change(spec, secrets)
	expectText(secrets, "three", "1 superseded", "2 failed", "3 superseded", "4 deployed")
}
