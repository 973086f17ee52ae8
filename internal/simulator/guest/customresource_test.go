package guest_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

func TestNamespacesAndCustomResources(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	ctx := t.Context()
	c := s.clientset(vip)
	d, err := dynamic.NewForConfig(s.restConfig(vip))
	if err != nil {
		t.Fatal(err)
	}
	object := func(yaml map[string]any) *unstructured.Unstructured { return &unstructured.Unstructured{Object: yaml} }
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	things := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "things"}
	thing := object(map[string]any{
		"apiVersion": "example.com/v1",
		"kind":       "Thing",
		"metadata":   map[string]any{"name": "one"},
		"spec":       map[string]any{"size": int64(1)},
	})
	if _, err := d.Resource(things).Namespace("default").Create(ctx, thing, metav1.CreateOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("before its definition: %v", err)
	}
	definition := object(map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": "things.example.com"},
		"spec": map[string]any{
			"group": "example.com",
			"scope": "Namespaced",
			"names": map[string]any{"plural": "things", "kind": "Thing"},
			"versions": []any{map[string]any{
				"name":         "v1",
				"served":       true,
				"storage":      true,
				"subresources": map[string]any{"status": map[string]any{}},
			}},
		},
	})
	if _, err := d.Resource(crds).Create(ctx, definition, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Resource(things).Namespace("nowhere").Create(ctx, thing, metav1.CreateOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("in a namespace that does not exist: %v", err)
	}
	team := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}}
	if _, err := c.CoreV1().Namespaces().Create(ctx, team, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w, err := d.Resource(things).Namespace("team").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if _, err := d.Resource(things).Namespace("team").Create(ctx, thing, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Resource(things).Namespace("team").Create(ctx, thing, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("twice: %v", err)
	}
	resources, err := c.Discovery().ServerResourcesForGroupVersion("example.com/v1")
	if err != nil || len(resources.APIResources) != 2 {
		t.Errorf("discovery: %v, %v", resources, err)
	}
	if err := c.CoreV1().Namespaces().Delete(ctx, "team", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []watch.EventType{watch.Added, watch.Deleted} {
		select {
		case e := <-w.ResultChan():
			if e.Type != want {
				t.Errorf("event %s, want %s", e.Type, want)
			}
		case <-time.After(2 * time.Minute):
			t.Fatalf("no event %s", want)
		}
	}
}
