package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// TestDriftOfAChartIsTold has an administrator change and delete objects of a release: each plan
// names them and plans nothing, unless drift is not looked for, and the next upgrade sets them back.
func TestDriftOfAChartIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	folder := testchart.Folder(t, testchart.Files("1.0.0"))
	spec, secrets := w.withChart(chartPack(folder, "text: one\nlogin: login\n"))
	w.expectTold(spec, secrets)

	clients := w.clients(secrets)
	options := metav1.PatchOptions{FieldManager: "kubectl-edit"}
	_, err := clients.CoreV1().ConfigMaps("apps").Patch(t.Context(), "app", types.MergePatchType,
		[]byte(`{"data": {"text": "another", "more": "beside"}}`), options)
	w.must(err)
	_, err = clients.CoreV1().Secrets("apps").Patch(t.Context(), "login", types.MergePatchType,
		[]byte(`{"data": {"vcenter.example.com.username": "c3RvbGVu"}}`), options)
	w.must(err)
	w.must(clients.AppsV1().Deployments("apps").Delete(t.Context(), "app", metav1.DeleteOptions{}))
	w.expectTold(spec, secrets,
		"ConfigMap apps/app (.data.text, set by kubectl-edit)", "Deployment apps/app (missing)",
		"Secret apps/login (.data.vcenter.example.com.username, set by kubectl-edit: who has set the data of a Secret may have the "+
			"only copy in it)")
	w.change(spec, secrets)
	if m := w.configMap(secrets); m.Data["text"] != "another" {
		t.Errorf("ConfigMap %v", m)
	}

	ignoring := spec
	ignoring.Packs = slices.Clone(spec.Packs)
	ignoring.Packs[1].IgnoresDrift = true
	w.expectTold(ignoring, secrets)

	spec.Packs[1] = chartPack(folder, "text: two\nlogin: login\n")
	facts, p := w.refreshed(spec, secrets)
	if got := actions(p); !slices.Equal(got, []string{"upgrade_pack app (demo 1.0.0)"}) || len(facts.API.Drift) > 0 {
		t.Errorf("planned %v, by the drift %v", got, facts.API.Drift)
	}
	w.change(spec, secrets)
	if m := w.configMap(secrets); m.Data["text"] != "two" || m.Data["more"] != "beside" {
		t.Errorf("ConfigMap %v", m)
	}
	w.expectTold(spec, secrets)
}

// expectTold fails unless a plan after a refresh has no step, and a warning that names these objects
// of the pack app alone.
func (w *world) expectTold(spec model.ClusterSpec, secrets *model.Secrets, want ...string) {
	w.t.Helper()
	facts, p := w.refreshed(spec, secrets)
	if got := actions(p); len(got) > 0 || p.Err() != nil {
		w.t.Errorf("planned %v, %v", got, p.Err())
	}
	var said []string
	for _, d := range facts.API.Drift["app"].Held {
		said = append(said, d.String())
	}
	slices.Sort(said)
	if drift := facts.API.Drift["app"]; !slices.Equal(said, want) || drift.Problem != "" || drift.Late {
		w.t.Errorf("found %+v", drift)
	}
	told := slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
		return f.Summary == `Objects of the pack "app" have changed` && strings.Contains(f.Detail, strings.Join(want[:min(1, len(want))], ""))
	})
	if told != (len(want) > 0) {
		w.t.Errorf("warned %v", p.Warnings)
	}
}

// readReleases counts how often what is deployed of a release is read.
type readReleases struct {
	model.Charts
	deployed *atomic.Int32
}

func (r readReleases) Connect(kubeconfig []byte, cluster uuid.UUID) (model.Releases, error) {
	releases, err := r.Charts.Connect(kubeconfig, cluster)
	return countedReleases{releases, r.deployed}, err
}

type countedReleases struct {
	model.Releases
	deployed *atomic.Int32
}

func (c countedReleases) Deployed(ctx context.Context, release model.Release) (model.DeployedRelease, error) {
	c.deployed.Add(1)
	return c.Releases.Deployed(ctx, release)
}

// TestApplyComparesNoReleases has an apply, for whose lock others wait, compare no release.
func TestApplyComparesNoReleases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.withChart(chartPack(testchart.Folder(t, testchart.Files("1.0.0")), "text: one\n"))
	spec.New = false
	e := w.engine()
	read := &atomic.Int32{}
	e.Charts = readReleases{e.Charts, read}
	if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	if n := read.Load(); n > 0 {
		t.Errorf("a release was read %d times", n)
	}
}

// TestReleaseThatIsGoneIsInstalledAgain has someone uninstall a release: the plan installs it, and the
// apply does, once, which does not look itself.
func TestReleaseThatIsGoneIsInstalledAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.withChart(chartPack(testchart.Folder(t, testchart.Files("1.0.0")), "text: one\n"))
	spec.New = false
	clients := w.clients(secrets)
	everyOne := metav1.ListOptions{LabelSelector: "owner=helm,name=app"}
	w.must(clients.CoreV1().Secrets("apps").DeleteCollection(t.Context(), metav1.DeleteOptions{}, everyOne))
	w.must(clients.CoreV1().ConfigMaps("apps").Delete(t.Context(), "app", metav1.DeleteOptions{}))

	_, p := w.refreshed(spec, secrets)
	if got := actions(p); !slices.Equal(got, []string{"install_pack app (demo 1.0.0)"}) {
		t.Fatalf("planned %v", got)
	}
	for _, shown := range []*[]model.Change{{}, changesOf(p)} { // a plan that has not looked has nothing done
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: shown})
		if err != nil || out.Status.State != model.StateRunning {
			t.Fatalf("%v: %v, %+v", shown, err, out.Status)
		}
		revisions, err := clients.CoreV1().Secrets("apps").List(t.Context(), everyOne)
		w.must(err)
		if len(revisions.Items) != len(*shown) {
			t.Errorf("%v: %d revisions", shown, len(revisions.Items))
		}
	}
	if m := w.configMap(secrets); m.Data["text"] != "one" {
		t.Errorf("ConfigMap %v", m)
	}
	w.expectTold(spec, secrets)
}
