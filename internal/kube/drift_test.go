package kube_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/retry"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

const colours = `
apiVersion: v1
kind: ConfigMap
metadata: {name: first, annotations: {}}
data: {colour: red}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: second}
data: {colour: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1
        ports: [{containerPort: 80}]
`

// TestDriftIsInTheFieldsOfTheManifests says which changes of others are drift: of what the
// manifests set, and nothing else.
func TestDriftIsInTheFieldsOfTheManifests(t *testing.T) {
	t.Parallel()
	field := func(value any, path ...string) func(*kubeapi.Object) {
		return func(o *kubeapi.Object) {
			at := o.Object
			for _, name := range path[:len(path)-1] {
				at = at[name].(map[string]any)
			}
			at[path[len(path)-1]] = value
		}
	}
	deployment := model.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "default", Name: "web"}
	container := func(key string, value any) func(*kubeapi.Object) {
		return func(o *kubeapi.Object) {
			pod := o.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
			pod["containers"].([]any)[0].(map[string]any)[key] = value
		}
	}
	for name, c := range map[string]struct {
		of     model.ObjectRef
		change func(*kubeapi.Object)
		drift  bool
	}{
		"nothing":               {first, func(*kubeapi.Object) {}, false},
		"a value":               {first, field("green", "data", "colour"), true},
		"a value beside":        {first, field("large", "data", "size"), false},
		"a label":               {first, func(o *kubeapi.Object) { o.SetLabels(nil) }, true},
		"an annotation":         {first, annotated("team", "a"), false},
		"a label beside":        {first, labelled("team", "a"), false},
		"the mark of a pack":    {deployment, labelled("gantry.io/pack", "another"), true},
		"replicas":              {deployment, field(int64(3), "spec", "replicas"), true},
		"pauses":                {deployment, field(true, "spec", "paused"), false},
		"its image":             {deployment, container("image", "registry.example.com/web:2"), true},
		"what its image pulls":  {deployment, container("imagePullPolicy", "Always"), false},
		"its ports":             {deployment, container("ports", []any{}), true},
		"what its pods carry":   {deployment, field("c", "spec", "template", "metadata", "labels", "b"), false},
		"which of its pods are": {deployment, field("back", "spec", "template", "metadata", "labels", "tier"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newCluster(t)
			applied := k.own(t, manifests(colours))
			r := kubeapi.ConfigMaps
			if c.of == deployment {
				r = kubeapi.Deployments
			}
			k.edit(t, r.WithVersion("v1"), c.of, c.change)
			drift, err := k.look(t, applied)
			if err != nil || (len(drift) > 0) != c.drift || len(drift) > 0 && drift[0].ObjectRef != c.of {
				t.Errorf("drift %v, %v", drift, err)
			}
			again := k.own(t, manifests(colours), applied...)
			if drift, err := k.look(t, again); err != nil || len(drift) > 0 {
				t.Errorf("applied again, %v, %v", drift, err)
			}
		})
	}
}

// look compares the objects of the pack, and asks of those in the texts whether they can be set back.
func (c *cluster) look(t *testing.T, objects []model.PackObject, texts ...string) ([]model.Drift, error) {
	t.Helper()
	return c.Drift(t.Context(), model.PackManifests{Owner: shopOwner, Manifests: texts, Objects: objects})
}

// edit changes an object by the API, as people and what runs in the cluster do.
func (c *cluster) edit(t *testing.T, r schema.GroupVersionResource, ref model.ObjectRef, change func(*kubeapi.Object)) {
	t.Helper()
	at := c.others(t).Resource(r).Namespace(ref.Namespace)
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		o, err := at.Get(t.Context(), ref.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		change(o)
		_, err = at.Update(t.Context(), o, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// others is a client of someone else.
func (c *cluster) others(t *testing.T) dynamic.Interface {
	t.Helper()
	kubeconfig, err := c.authorities.SuperAdminKubeconfig(rand.Reader, "prod", c.url, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	config, err := kube.RESTConfig(kube.Options{}, kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestDriftNamesWhatIsMissing has objects of a kind go, and a kind with its objects.
func TestDriftNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(definition, widget, colours))
	if drift, err := c.look(t, applied); err != nil || len(drift) > 0 {
		t.Errorf("drift %v, %v", drift, err)
	}
	if _, err := c.store.Delete(kubeapi.ConfigMaps, second.Namespace, second.Name, metav1.Preconditions{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.store.Delete(kubeapi.CustomResources, "", widgetDef.Name, metav1.Preconditions{}, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if c.there(kubeapi.CustomResources, widgetDef) {
			return errors.New("the definition is there")
		}
		return nil
	})
	drift, err := c.look(t, applied)
	if err != nil || len(drift) != 3 {
		t.Errorf("drift %v, %v", drift, err)
	}
	for _, d := range drift {
		if len(d.Fields) > 0 || !strings.Contains(d.String(), "missing") {
			t.Errorf("it says %q", d)
		}
	}
}

// TestDriftIsFoundByFewCalls counts all calls: one for fifty objects of a kind that have the marks
// of their pack or are many in a namespace, and no more for kinds that are gone than it takes to
// learn that.
func TestDriftIsFoundByFewCalls(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	text := colours
	for n := range 60 {
		text += fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: more-%d}\n", n)
	}
	for n := range 8 {
		object := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: theirs-%d, namespace: kube-system}\n", n)
		if _, err := c.Apply(t.Context(), manifests(object)); err != nil {
			t.Fatal(err)
		}
		text += "---\n" + object
	}
	applied := c.own(t, manifests(text, definition, widget))
	calls := map[string]int{}
	var objects, kinds int // calls
	var mu sync.Mutex
	before := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		calls[r.URL.Path]++
		if len(strings.Split(r.URL.Path, "/")) <= 4 && r.URL.Path != "/api/v1/configmaps" { // such as /apis/apps/v1
			kinds = max(kinds, calls[r.URL.Path])
		} else {
			objects++
		}
	}
	c.before.Store(&before)
	// Two for the ConfigMaps of the pack, the deployment, the definition, the widget, and those of others.
	if drift, err := c.look(t, applied); err != nil || len(drift) > 0 || objects != 6 || kinds > 0 {
		t.Errorf("drift %v after the calls %v, %v", drift, calls, err)
	}
	if _, err := c.store.Delete(kubeapi.CustomResources, "", widgetDef.Name, metav1.Preconditions{}, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if c.there(kubeapi.CustomResources, widgetDef) {
			return errors.New("the definition is there")
		}
		return nil
	})
	clear(calls)
	objects = 0
	// Each group once more, and whether the widget's is not among them.
	if drift, err := c.look(t, applied); err != nil || len(drift) != 2 || objects > 6 || kinds > 2 {
		t.Errorf("drift %v after the calls %v, %v", drift, calls, err)
	}
}

// TestDriftOfOtherKindsIsFound has a kind fail of which the webhook that converts it is away, and
// one that is served in another version: neither is drift, nor keeps that of others from being found, and both are told.
func TestDriftOfOtherKindsIsFound(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(definition, widget, colours))
	c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), first, func(o *kubeapi.Object) { o.Object["data"] = map[string]any{"colour": "green"} })
	old := slices.Clone(applied)
	for i := range old {
		if old[i].ObjectRef == widgetRef {
			old[i].Version = "v1alpha1"
		}
	}
	if drift, err := c.look(t, old); err == nil || !strings.Contains(err.Error(), "no longer serves its kind in the version v1alpha1") ||
		len(drift) != 1 || drift[0].ObjectRef != first {
		t.Errorf("in another version: drift %v, %v", drift, err)
	}
	c.failing.Store(true)
	drift, err := c.look(t, applied)
	if err == nil || len(drift) != 1 || drift[0].ObjectRef != first || strings.Join(drift[0].Fields, " ") != ".data.colour" {
		t.Errorf("drift %v, %v", drift, err)
	}
}

// TestDriftOfSharedObjects has another pack apply the same objects after one: they are as that
// one has them, and a change of others, or that they are missing, is drift all the same.
func TestDriftOfSharedObjects(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(colours))
	for i := range applied {
		applied[i].Shared = true
	}
	after := shopOwner
	after.Pack = "after"
	theirs, err := c.Apply(t.Context(), model.PackManifests{Owner: after, Manifests: []string{strings.ReplaceAll(colours, "red", "green")}})
	if err != nil {
		t.Fatal(err)
	}
	for owner, objects := range map[model.PackOwner][]model.PackObject{shopOwner: applied, after: theirs} {
		if drift, err := c.Drift(t.Context(), model.PackManifests{Owner: owner, Objects: objects}); err != nil || len(drift) > 0 {
			t.Errorf("of %s: drift %v, %v", owner.Pack, drift, err)
		}
	}
	c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), first, func(o *kubeapi.Object) { o.SetLabels(nil) })
	if _, err := c.store.Delete(kubeapi.ConfigMaps, second.Namespace, second.Name, metav1.Preconditions{}, nil); err != nil {
		t.Fatal(err)
	}
	if drift, err := c.look(t, applied); err != nil || len(drift) != 2 {
		t.Errorf("drift %v, %v", drift, err)
	}
}
