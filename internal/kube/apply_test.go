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

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// manifests are some of no pack.
func manifests(texts ...string) model.PackManifests { return model.PackManifests{Manifests: texts} }

func TestApply(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	api := connect(t, kube.Options{}, s.kubeconfig(s.URL))
	if _, err := api.Apply(t.Context(), manifests(documents, list)); err != nil {
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
	if _, err := api.Apply(t.Context(), manifests(widget, documents)); err != nil {
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
	_, err := api.Apply(ctx, manifests(widget))
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
	_, err := api.Apply(t.Context(), manifests(widget, list))
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
			_, err := api.Apply(t.Context(), manifests(list, "# nothing\n---\n"+tc.manifest))
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
	three := int32(3)
	// deployment has pods in all, of the present version, and that serve.
	deployment := func(generation int64, replicas *int32, all, updated, serving int32) *appsv1.Deployment {
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "d", Generation: generation},
			Spec:       appsv1.DeploymentSpec{Replicas: replicas},
			Status: appsv1.DeploymentStatus{
				ObservedGeneration: 1, Replicas: all, UpdatedReplicas: updated, AvailableReplicas: serving,
				// Enough of the former version serve all the time.
				Conditions: []appsv1.DeploymentCondition{
					{Type: appsv1.DeploymentAvailable, Status: "True"},
					{Type: appsv1.DeploymentProgressing, Status: "False", Reason: "ProgressDeadlineExceeded", Message: "it is\x1b[31m\nlate"},
				},
			},
		}
	}
	for name, tc := range map[string]struct {
		have *appsv1.Deployment
		want string
	}{
		"all":               {deployment(1, &three, 3, 3, 3), ""},
		"one by default":    {deployment(1, nil, 1, 1, 1), ""},
		"just applied":      {deployment(2, &three, 3, 3, 3), "not been observed"},
		"new":               {deployment(1, &three, 0, 0, 0), "has 0 of 3 pods of its present version"},
		"not updated":       {deployment(1, &three, 3, 0, 3), "ProgressDeadlineExceeded: it is late"},
		"the first of them": {deployment(1, &three, 4, 1, 3), "has 1 of 3 pods"},
		"refused":           {deployment(1, nil, 2, 1, 1), "1 of 2 pods are available"},
		"the old one stays": {deployment(1, nil, 2, 1, 2), "still has pods of its former version: 1"},
		"one of three":      {deployment(1, &three, 3, 3, 2), "2 of 3 pods are available"},
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
