package kube_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

func TestApply(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	api := connect(t, kube.Options{}, s.kubeconfig(s.URL))
	if err := api.Apply(t.Context(), []string{documents, list}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/api/v1/namespaces/shop",
		"/api/v1/namespaces/shop/configmaps/settings",
		"/api/v1/namespaces/default/configmaps/first",
		"/api/v1/namespaces/default/configmaps/second",
	}
	if got := s.paths(); !slices.Equal(got, want) {
		t.Fatalf("applied %v, want %v", got, want)
	}
	r := s.applied[1]
	if r.ContentType != "application/apply-patch+yaml" ||
		!strings.Contains(r.Query, "fieldManager=gantry") || !strings.Contains(r.Query, "force=true") {
		t.Errorf("not a forced server-side apply: %s %s", r.ContentType, r.Query)
	}
	meta := r.Body["metadata"].(map[string]any)
	if _, ok := meta["resourceVersion"]; ok || meta["name"] != "settings" {
		t.Errorf("metadata %v", meta)
	}
}

func TestApplyWaitsForAKind(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var tries int
	s.refuse = func(path string) (int, string) {
		if strings.HasSuffix(path, "/configmaps/settings") {
			if tries++; tries < 3 {
				return 404, `namespaces "shop" not found`
			}
		}
		return 0, ""
	}
	time.AfterFunc(50*time.Millisecond, s.serveWidgets)
	api := connect(t, kube.Options{}, s.kubeconfig(s.URL))
	if err := api.Apply(t.Context(), []string{widget, documents}); err != nil {
		t.Fatal(err)
	}
	got := s.paths()
	if !slices.Contains(got, "/apis/example.com/v1/namespaces/default/widgets/w") || len(got) != 3 {
		t.Errorf("want each object applied once, got %v", got)
	}
}

func TestApplyGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	api := connect(t, kube.Options{}, s.kubeconfig(s.URL))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := api.Apply(ctx, []string{widget})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Widget w") {
		t.Errorf("want the deadline and the object, got %v", err)
	}
}

func TestApplyRefusedForGood(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.refuse = func(path string) (int, string) {
		if strings.HasSuffix(path, "/configmaps/first") {
			return 422, "data: Invalid value"
		}
		return 0, ""
	}
	api := connect(t, kube.Options{}, s.kubeconfig(s.URL))
	err := api.Apply(t.Context(), []string{widget, list})
	if err == nil || !strings.Contains(err.Error(), "ConfigMap default/first") || strings.Contains(err.Error(), "Widget") {
		t.Errorf("want the refused object only, got %v", err)
	}
	if got := s.paths(); len(got) != 1 || !strings.HasSuffix(got[0], "/second") {
		t.Errorf("the others must have had their turn, got %v", got)
	}
}

func TestApplyReadsAllBeforeItActs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ manifest, want string }{
		"no name":       {"apiVersion: v1\nkind: ConfigMap\n", "the ConfigMap has no metadata.name"},
		"no kind":       {"apiVersion: v1\nmetadata: {name: x}\n", "no kind"},
		"no version":    {"kind: ConfigMap\nmetadata: {name: x}\n", "no valid apiVersion"},
		"not an object": {"- a\n", "not a Kubernetes object"},
		"not YAML":      {"a: [\n", "not valid YAML"},
		"twice":         {"apiVersion: v1\nkind: ConfigMap\nkind: Secret\nmetadata: {name: x}\n", "not valid YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			api := connect(t, kube.Options{}, s.kubeconfig(s.URL))
			err := api.Apply(t.Context(), []string{list, "# nothing\n---\n" + tc.manifest})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "manifest 2, document 2") {
				t.Errorf("want %q with its place, got %v", tc.want, err)
			}
			if got := s.paths(); len(got) != 0 {
				t.Errorf("applied %v before the mistake was found", got)
			}
		})
	}
}

func TestAvailable(t *testing.T) {
	t.Parallel()
	deployment := func(generation int64, conditions ...appsv1.DeploymentCondition) *appsv1.Deployment {
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "d", Generation: generation},
			Status:     appsv1.DeploymentStatus{ObservedGeneration: 1, Conditions: conditions},
		}
	}
	up := appsv1.DeploymentCondition{Type: appsv1.DeploymentAvailable, Status: "True"}
	down := appsv1.DeploymentCondition{Type: appsv1.DeploymentAvailable, Status: "False", Reason: "MinimumReplicasUnavailable"}
	for name, tc := range map[string]struct {
		have *appsv1.Deployment
		want string
	}{
		"available":     {deployment(1, up), ""},
		"not available": {deployment(1, down), "MinimumReplicasUnavailable"},
		"just applied":  {deployment(2, up), "not been observed"},
		"new":           {deployment(1), "no condition"},
	} {
		err := kube.NewForClients(fake.NewClientset(tc.have)).Available(t.Context(), "n", "d")
		if (tc.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: want %q, got %v", name, tc.want, err)
		}
	}
	if err := kube.NewForClients(fake.NewClientset()).Available(t.Context(), "n", "d"); err == nil {
		t.Error("want an error for a deployment that is not there")
	}
}

const documents = `
apiVersion: v1
kind: Namespace
metadata:
  name: shop
---
# nothing here
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: shop
  resourceVersion: "12"
  creationTimestamp: null
data:
  a: b
`

const list = `
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: first}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: second}
`

const widget = `
apiVersion: example.com/v1
kind: Widget
metadata:
  name: w
`
