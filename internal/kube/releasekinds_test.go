package kube_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// gone deletes objects of the API.
func (c *cluster) gone(t *testing.T, of schema.GroupResource, namespace string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := c.store.Delete(of, namespace, name, metav1.Preconditions{}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReleaseDriftNamesWhatIsMissing has objects go, also one that Helm is to keep, lose their
// labels, and come to belong to another release. A Job that is gone is none.
func TestReleaseDriftNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.release(t, shopChart, true)
	if said := c.released(t); len(said) > 0 {
		t.Errorf("it says %q", said)
	}
	c.gone(t, kubeapi.ConfigMaps, "default", "kept")
	c.gone(t, kubeapi.ConfigMaps, "kube-system", "second")
	c.gone(t, kubeapi.Jobs, "default", "migrate")
	c.gone(t, kubeapi.ClusterRoles, "", "shop")
	unlabelled := model.ObjectRef{Namespace: "default", Name: "web"}
	c.edit(t, kubeapi.Services.WithVersion("v1"), unlabelled, func(o *kubeapi.Object) { o.SetLabels(nil) })
	c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), first, func(o *kubeapi.Object) {
		o.SetLabels(map[string]string{"team": "b"})
		annotations := o.GetAnnotations()
		annotations["meta.helm.sh/release-name"] = "other"
		o.SetAnnotations(annotations)
	})
	said := c.released(t)
	slices.Sort(said)
	want := []string{
		"ClusterRole shop (missing)",
		"ConfigMap default/first (of the release default/other)",
		"ConfigMap default/kept (missing: the chart has Helm never delete it)",
		"ConfigMap kube-system/second (missing)",
	}
	if !slices.Equal(said, want) {
		t.Errorf("it says %q", said)
	}
}

// TestReleaseDriftIsFoundByFewCalls counts all calls, of which none changes anything: one for fifty
// objects of a kind and namespace, one for each that is alone or not in that list, and each group once.
func TestReleaseDriftIsFoundByFewCalls(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	text := shopChart
	for n := range 70 {
		text += fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more-%02d}\n", n)
	}
	c.release(t, text, true)
	var theirs []string
	for n := range 60 {
		theirs = append(theirs, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a-%d}\n", n))
	}
	if _, err := c.Apply(t.Context(), manifests(theirs...)); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	calls, kinds := []string{}, map[string]int{}
	before := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if len(strings.Split(r.URL.Path, "/")) <= 4 { // such as /apis/apps/v1
			kinds[r.URL.Path]++
			return
		}
		calls = append(calls, r.Method+" "+r.URL.Path)
	}
	c.before.Store(&before)
	look := func(objects int) {
		t.Helper()
		calls = nil
		if _, err := c.ReleaseDrift(t.Context(), deployed(text)); err != nil {
			t.Error(err)
		}
		if len(calls) != objects || slices.ContainsFunc(calls, func(call string) bool { return !strings.HasPrefix(call, "GET ") }) {
			t.Errorf("the calls %q", calls)
		}
		for path, n := range kinds {
			if n > 1 {
				t.Errorf("%s was asked for %d times", path, n)
			}
		}
	}
	// Two for the ConfigMaps, and the one elsewhere, the Secret, the Service, the Deployment and the ClusterRole.
	look(7)
	c.gone(t, kubeapi.ConfigMaps, "default", "more-00", "more-69")
	look(9)
}

// TestReleaseDriftOfOtherKindsIsFound has a kind fail of which the webhook that converts it is away,
// one that is served in another version, and one that is not served any more.
func TestReleaseDriftOfOtherKindsIsFound(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.release(t, strings.TrimSpace(definition), true)
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\ndata: {colour: red}\n---" + widget
	eventually(t, func() error {
		_, err := c.others(t).Resource(widgets.WithVersion("v1")).List(t.Context(), metav1.ListOptions{})
		return err
	})
	c.release(t, strings.ReplaceAll(text, "---", "\n---\n"), true)
	look := func(text, problem string, want ...string) {
		t.Helper()
		drift, err := c.ReleaseDrift(t.Context(), deployed(text))
		var said []string
		for _, d := range drift {
			said = append(said, d.String())
		}
		if (err != nil) != (problem != "") || err != nil && !strings.Contains(err.Error(), problem) || !slices.Equal(said, want) {
			t.Errorf("it says %q, %v", said, err)
		}
	}
	look(text, "")
	c.gone(t, kubeapi.ConfigMaps, "default", "first")
	const missing = "ConfigMap default/first (missing)"
	look(strings.ReplaceAll(text, "example.com/v1", "example.com/v1alpha1"), "no longer serves its kind in the version v1alpha1", missing)
	c.failing.Store(true)
	look(text, "conversion webhook failed", missing)
	c.failing.Store(false)
	c.gone(t, kubeapi.CustomResources, "", widgetDef.Name)
	eventually(t, func() error {
		if c.there(kubeapi.CustomResources, widgetDef) {
			return errors.New("the definition is there")
		}
		return nil
	})
	look(text, "", missing, "Widget default/w (missing)")
}
