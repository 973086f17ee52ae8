//go:build real

package processes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// plain is a pack of manifests, of which each is a ConfigMap of that name.
func plain(names ...string) string {
	var manifests []string
	for _, name := range names {
		manifests = append(manifests, fmt.Sprintf(
			`yamlencode({ apiVersion = "v1", kind = "ConfigMap", metadata = { name = %q, namespace = "default" }, data = { a = "b" } })`, name))
	}
	return fmt.Sprintf("packs              = {\n      plain = { layer = \"addon\", manifests = [%s] }\n     ", strings.Join(manifests, ", "))
}

// chartOf is a configuration whose cluster has the chart of tests as a pack.
func (d *datacenter) chartOf(folder, values string) string {
	pack := fmt.Sprintf(`packs              = {
      app = {
        layer = "addon", namespace = "apps", wait_timeout = "1m", chart = { path = %q }
        values = [yamlencode({ image = "registry.k8s.io/pause:3.10.1", hookImage = "docker.io/library/busybox:1" }), %q]
      }
     `, folder, values)
	return strings.Replace(d.real("1.37.2", 1, 1, ""), "packs              = {", pack, 1)
}

// TestRealPacks has a real API server, and what runs behind it, judge what is done with the
// releases of charts: an installation with a hook and definitions of its own, an upgrade, one
// that never becomes ready and is rolled back, and the end of it. What leaves a pack of
// manifests is pruned, and what is left goes with it.
func TestRealPacks(t *testing.T) {
	d := newRealDatacenter(t, realOptions(t))
	first := testchart.Folder(t, testchart.Files("1.0.0"))
	second := testchart.Folder(t, testchart.Files("1.1.0"))
	w := newWorkspace(t, d.chartOf(first, "text: one"))
	w.patience = patience
	w.must(apply...)
	d.runsChart(w, "one", "1.0.0", "1")
	w.nothingToDo()
	d.tellsOfChanges(w)

	w.configure(d.chartOf(second, "text: two"))
	w.must(apply...)
	d.runsChart(w, "two", "1.1.0", "2")

	// Its pods mount a Secret that is not there, so that none becomes ready.
	w.configure(d.chartOf(second, "{text: three, missing: nothing}"))
	if out := w.refused(apply...); !strings.Contains(out, `"nothing"`) || !strings.Contains(out, "Deployment/apps/app") {
		t.Errorf("the error does not name what the pods wait for:\n%s", out)
	}
	d.runsChart(w, "two", "1.1.0", "4")

	w.configure(d.chartOf(second, "text: four"))
	w.must(apply...)
	d.runsChart(w, "four", "1.1.0", "5")
	w.nothingToDo()

	w.configure(strings.Replace(d.chartOf(second, "text: four"), "packs              = {", plain("one", "two"), 1))
	w.must(apply...)
	d.hasPlain(w, "one", "two")

	w.configure(strings.Replace(d.real("1.37.2", 1, 1, ""), "packs              = {", plain("two"), 1))
	w.must(apply...)
	w.nothingToDo()
	d.hasPlain(w, "two")
	for what, err := range map[string]error{
		"Deployment": d.missing(w, func() error {
			_, err := d.api(w).AppsV1().Deployments("apps").Get(t.Context(), "app", metav1.GetOptions{})
			return err
		}),
		"ConfigMap": d.missing(w, func() error {
			_, err := d.api(w).CoreV1().ConfigMaps("apps").Get(t.Context(), "app", metav1.GetOptions{})
			return err
		}),
	} {
		if err != nil {
			t.Errorf("after the pack was taken out, its %s: %v", what, err)
		}
	}
	if releases := d.releases(w); len(releases) > 0 {
		t.Errorf("after the pack was taken out there are %v", releases)
	}

	w.configure(d.real("1.37.2", 1, 1, ""))
	w.must(apply...)
	w.nothingToDo()
	d.hasPlain(w)
}

// tellsOfChanges expects a plan to warn of nothing while the release is as it was installed, and of what
// kubectl changes of it, which the next upgrade sets back.
func (d *datacenter) tellsOfChanges(w *workspace) {
	d.t.Helper()
	if out := words(w.must(plan...)); strings.Contains(out, `pack "app"`) {
		d.t.Errorf("a plan after the installation warns:\n%s", out)
	}
	_, err := d.api(w).CoreV1().ConfigMaps("apps").Patch(d.t.Context(), "app", types.MergePatchType,
		[]byte(`{"data": {"text": "another"}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		d.t.Fatal(err)
	}
	if out := words(w.must(plan...)); !strings.Contains(out, "ConfigMap apps/app (.data.text, set by kubectl-edit)") {
		d.t.Errorf("a plan does not tell what has changed:\n%s", out)
	}
}

// hasPlain expects these ConfigMaps of the pack of manifests, and no others.
func (d *datacenter) hasPlain(w *workspace, names ...string) {
	d.t.Helper()
	list, err := d.api(w).CoreV1().ConfigMaps("default").List(d.t.Context(), metav1.ListOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	var got []string
	for _, m := range list.Items {
		if m.Name != "kube-root-ca.crt" {
			got = append(got, m.Name)
		}
	}
	if slices.Sort(got); !slices.Equal(got, names) {
		d.t.Errorf("the pack has made %q, want %q", got, names)
	}
}

// missing is an error unless something is not found.
func (d *datacenter) missing(_ *workspace, get func() error) error {
	switch err := get(); {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("is still there")
}

// runsChart expects the release to be deployed in one revision, with the text, the version of
// the chart and the revision that its ConfigMap has.
func (d *datacenter) runsChart(w *workspace, text, version, revision string) {
	d.t.Helper()
	api := d.api(w)
	config, err := api.CoreV1().ConfigMaps("apps").Get(d.t.Context(), "app", metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	if config.Data["text"] != text || config.Data["version"] != version {
		d.t.Errorf("the ConfigMap has %v, want the text %s of version %s", config.Data, text, version)
	}
	deployment, err := api.AppsV1().Deployments("apps").Get(d.t.Context(), "app", metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	if !available(deployment) {
		d.t.Errorf("the Deployment is not available: %+v", deployment.Status)
	}
	releases := d.releases(w)
	pending := slices.ContainsFunc(releases, func(r string) bool { return strings.Contains(r, "pending") })
	if !slices.Contains(releases, revision+" deployed") || pending {
		d.t.Errorf("the release has the revisions %v, want %s deployed", releases, revision)
	}
}

// releases are the revisions of the release with their states, as Helm stores them.
func (d *datacenter) releases(w *workspace) []string {
	d.t.Helper()
	secrets, err := d.api(w).CoreV1().Secrets("apps").List(d.t.Context(), metav1.ListOptions{LabelSelector: "owner=helm,name=app"})
	if err != nil {
		d.t.Fatal(err)
	}
	var revisions []string
	for _, s := range secrets.Items {
		revisions = append(revisions, s.Labels["version"]+" "+s.Labels["status"])
	}
	return revisions
}
