package packs_test

import (
	"net/http"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

// TestAReleaseOfAnotherIsNotTouched has a release of the pack's name that a user has made, and
// one of another cluster's pack: neither is upgraded, brought back nor uninstalled.
func TestAReleaseOfAnotherIsNotTouched(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, two := c.chart(map[string]string{"a.yaml": configMap("a", "one")}), c.chart(map[string]string{"a.yaml": configMap("a", "two")})
	c.must(c.apply(one))
	own := c.releases

	c.releases = c.connect() // of another cluster
	for name, err := range map[string]error{"apply": c.apply(two), "uninstall": c.uninstall()} {
		if err == nil || !strings.Contains(err.Error(), "was not made for this pack") || !strings.Contains(err.Error(), "kubectl label") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	c.expect("1 deployed")

	c.releases = own
	c.record(1, func(r *releasev1.Release) { r.Labels = nil }) // as by `helm install`
	for _, status := range []common.Status{common.StatusDeployed, common.StatusPendingInstall, common.StatusPendingUpgrade} {
		c.pend(1, status)
		if err := c.apply(two); err == nil || !strings.Contains(err.Error(), "was not made for this pack") {
			t.Errorf("%s: got %v", status, err)
		}
		c.must(c.uninstall())
		c.expect("1 " + status.String())
	}
	if got := c.text("a"); got != "one" {
		t.Errorf("the user's object is %q", got)
	}
}

// TestWhatAUserInstalledMeanwhileStays refuses the first installation before there is a release.
func TestWhatAUserInstalledMeanwhileStays(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	chart := c.chart(map[string]string{"a.yaml": configMap("a", "one")})
	c.refusing(func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/secrets")
	})
	if err := c.apply(chart); err == nil || !strings.Contains(err.Error(), "No release was made") {
		t.Errorf("got %v", err)
	}
	c.refusing(nil)
	c.must(c.apply(chart))
	c.record(1, func(r *releasev1.Release) { r.Labels = nil })
	c.must(c.uninstall())
	c.expect("1 deployed")
	if c.text("a") == "" {
		t.Error("the user's object is gone")
	}
}

// TestAReleaseThatHelm3HasUpgraded was applied on the client's side last.
func TestAReleaseThatHelm3HasUpgraded(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "one")})))
	c.record(1, func(r *releasev1.Release) { r.ApplyMethod = "" })
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "two")})))
	c.expect("1 superseded", "2 deployed")

	c.record(1, func(r *releasev1.Release) { r.ApplyMethod = "" })
	c.pend(2, common.StatusPendingUpgrade)
	c.pend(1, common.StatusDeployed)
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "one")})))
	c.expect("1 superseded", "2 failed", "3 deployed")
	if got := c.text("a"); got != "one" {
		t.Errorf("it is %q", got)
	}
}

// TestWhyAnUninstallationFailed has an object that cannot be deleted.
func TestWhyAnUninstallationFailed(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.must(c.apply(c.chart(map[string]string{"a.yaml": configMap("a", "one")})))
	c.refusing(func(r *http.Request) bool { return r.Method == http.MethodDelete })
	if err := c.uninstall(); err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("got %v", err)
	}
	c.refusing(nil)
	c.must(c.uninstall())
	c.expect()
}

// TestAnUninstallationSparesWhatUsersHaveMade has a chart with a namespace, and with a definition
// of which there are resources.
func TestAnUninstallationSparesWhatUsersHaveMade(t *testing.T) {
	t.Parallel()
	const keep = "  annotations: {helm.sh/resource-policy: keep}\n"
	namespace := func(annotation string) string {
		return "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shared\n" + annotation
	}
	definition := func(annotation string) string {
		return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: widgets.demo.example.com\n" +
			annotation + `spec:
  group: demo.example.com
  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
`
	}
	widget := func(c *cluster) {
		client, err := dynamic.NewForConfig(c.config)
		c.must(err)
		_, err = client.Resource(schema.GroupVersionResource{Group: "demo.example.com", Version: "v1", Resource: "widgets"}).Namespace("apps").
			Create(c.Context(), &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "demo.example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "mine"},
			}}, metav1.CreateOptions{})
		c.must(err)
	}
	for name, x := range map[string]struct {
		manifest string
		made     func(*cluster)
		refused  string
	}{
		"a namespace":                     {namespace(""), nil, "Namespace shared"},
		"a namespace that is kept":        {namespace(keep), nil, ""},
		"a definition that is used":       {definition(""), widget, "CustomResourceDefinition widgets.demo.example.com"},
		"a definition that is not used":   {definition(""), nil, ""},
		"a definition that is kept, used": {definition(keep), widget, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			c.must(c.apply(c.chart(map[string]string{"a.yaml": x.manifest})))
			if x.made != nil {
				x.made(c)
			}
			switch err := c.uninstall(); {
			case x.refused == "" && err != nil:
				t.Error(err)
			case x.refused != "" && (err == nil || !strings.Contains(err.Error(), x.refused) || !strings.Contains(err.Error(), "keep")):
				t.Errorf("error %v", err)
			}
		})
	}
}
