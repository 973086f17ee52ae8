package kube_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

var (
	shopOwner = model.PackOwner{Cluster: uuid.MustParse("5a1f7f3e-1df6-4d53-9f7a-6f8b0d6d3a11"), Pack: "shop"}
	first     = model.ObjectRef{Kind: "ConfigMap", Namespace: "default", Name: "first"}
	second    = model.ObjectRef{Kind: "ConfigMap", Namespace: "default", Name: "second"}
	widgetRef = model.ObjectRef{Group: "example.com", Kind: "Widget", Namespace: "default", Name: "w"}
	widgetDef = model.ObjectRef{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "widgets.example.com"}
	widgets   = schema.GroupResource{Group: "example.com", Resource: "widgets"}
)

// own applies manifests as those of a pack, as a run does.
func (c *cluster) own(t *testing.T, m model.PackManifests, known ...model.PackObject) []model.PackObject {
	t.Helper()
	m.Owner = shopOwner
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var err error
	if m.Objects, err = c.FindObjects(ctx, m, known); err != nil {
		t.Fatal(err)
	}
	applied, err := c.Apply(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	return applied
}

// remove deletes an object of the pack until it is gone or stays, and returns why it stays.
func (c *cluster) remove(t *testing.T, ref model.ObjectRef) (stays string) {
	t.Helper()
	eventually(t, func() error {
		end, err := c.DeleteObject(t.Context(), shopOwner, ref)
		if err != nil {
			t.Fatal(err)
		}
		stays = end.Stays
		if end.Leaving != "" {
			return errors.New(end.Leaving)
		}
		return nil
	})
	return stays
}

func (c *cluster) there(r schema.GroupResource, ref model.ObjectRef) bool {
	_, err := c.store.Get(r, ref.Namespace, ref.Name)
	return err == nil
}

// byHand changes an object as others do.
func (c *cluster) byHand(t *testing.T, r schema.GroupResource, ref model.ObjectRef, change func(*kubeapi.Object)) {
	t.Helper()
	_, err := c.store.Change(r, ref.Namespace, ref.Name, func(o *kubeapi.Object) error {
		change(o)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func annotated(key, value string) func(*kubeapi.Object) {
	return func(o *kubeapi.Object) { o.SetAnnotations(map[string]string{key: value}) }
}

func labelled(key, value string) func(*kubeapi.Object) {
	return func(o *kubeapi.Object) {
		labels := o.GetLabels()
		labels[key] = value
		o.SetLabels(labels)
	}
}

// TestWhatLeavesItsPackIsDeleted says of an object of a pack whether it goes, by what has become
// of it: never what others own, and never what is protected.
func TestWhatLeavesItsPackIsDeleted(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.own(t, manifests(list))
	owner, err := c.store.Get(kubeapi.ConfigMaps, second.Namespace, second.Name)
	if err != nil {
		t.Fatal(err)
	}
	controlled := func(o *kubeapi.Object) {
		yes := true
		o.SetOwnerReferences([]metav1.OwnerReference{{
			APIVersion: "v1", Kind: "ConfigMap", Name: second.Name, UID: owner.GetUID(), Controller: &yes,
		}})
	}
	for name, change := range map[string]struct {
		of    func(*kubeapi.Object)
		stays string
	}{
		"as it was":                 {func(*kubeapi.Object) {}, ""},
		"with its say":              {annotated("gantry.io/prune", "enabled"), ""},
		"without its marks":         {func(o *kubeapi.Object) { o.SetLabels(nil) }, "it lacks the labels"},
		"another cluster's":         {labelled("gantry.io/cluster", uuid.NewString()), "it is another cluster's"},
		"another pack's":            {labelled("gantry.io/pack", "other"), "it is the pack other's"},
		"protected":                 {annotated("gantry.io/prune", "disabled"), "gantry.io/prune: disabled"},
		"kept as in a chart":        {annotated("helm.sh/resource-policy", "keep"), "helm.sh/resource-policy: keep"},
		"a release's":               {annotated("meta.helm.sh/release-name", "web"), "the Helm release web"},
		"an application's":          {annotated("argocd.argoproj.io/tracking-id", "web"), "the Argo CD application web"},
		"a kustomization's":         {labelled("kustomize.toolkit.fluxcd.io/name", "web"), "the Flux Kustomization web"},
		"controlled by another one": {controlled, "it goes with the ConfigMap second"},
	} {
		c.own(t, manifests(list))
		c.byHand(t, kubeapi.ConfigMaps, first, change.of)
		stays := c.remove(t, first)
		there := c.there(kubeapi.ConfigMaps, first)
		if !strings.Contains(stays, change.stays) || there != (change.stays != "") || there != (stays != "") {
			t.Errorf("%s: it is there %t: %q", name, there, stays)
		}
		if !c.there(kubeapi.ConfigMaps, second) {
			t.Errorf("%s: another object of the pack is gone", name)
		}
		_, _ = c.store.Delete(kubeapi.ConfigMaps, first.Namespace, first.Name, metav1.Preconditions{}, nil)
	}
}

// TestWhatChangesHandsIsNotDeleted has another tool take an object over right before it would be
// deleted: what was judged is not what there is any more.
func TestWhatChangesHandsIsNotDeleted(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.own(t, manifests(list))
	var deletions atomic.Int32
	before := func(r *http.Request) {
		if r.Method == http.MethodDelete && deletions.Add(1) == 1 {
			c.byHand(t, kubeapi.ConfigMaps, first, annotated("meta.helm.sh/release-name", "web"))
		}
	}
	c.before.Store(&before)
	if stays := c.remove(t, first); !strings.Contains(stays, "the Helm release web") || deletions.Load() != 1 {
		t.Errorf("after %d deletions it stays: %q", deletions.Load(), stays)
	}
	if !c.there(kubeapi.ConfigMaps, first) {
		t.Error("it is gone")
	}
}

// TestFinalizersAreNamed has an object that cannot go, until whoever is asked lets it.
func TestFinalizersAreNamed(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.own(t, manifests(list))
	c.byHand(t, kubeapi.ConfigMaps, first, func(o *kubeapi.Object) { o.SetFinalizers([]string{"example.com/wait"}) })
	for range 2 {
		if _, err := c.DeleteObject(t.Context(), shopOwner, first); err != nil {
			t.Fatal(err)
		}
	}
	end, err := c.DeleteObject(t.Context(), shopOwner, first)
	if err != nil || !strings.Contains(end.Leaving, "example.com/wait") {
		t.Errorf("%+v, %v", end, err)
	}
	c.byHand(t, kubeapi.ConfigMaps, first, func(o *kubeapi.Object) { o.SetFinalizers(nil) })
	if stays := c.remove(t, first); stays != "" || c.there(kubeapi.ConfigMaps, first) {
		t.Errorf("it stays: %q", stays)
	}
}

// TestDefinitionsAndNamespacesStay has a definition stay as long as there are resources of its
// kind, and a namespace in any case, unless they are to go.
func TestDefinitionsAndNamespacesStay(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.own(t, manifests(definition, widget, documents))
	namespace := model.ObjectRef{Kind: "Namespace", Name: "shop"}
	if stays := c.remove(t, namespace); !strings.Contains(stays, "with all that is in it") {
		t.Errorf("the namespace: %q", stays)
	}
	volume := model.ObjectRef{Kind: "PersistentVolumeClaim", Namespace: "default", Name: "data"}
	c.own(t, manifests("apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: default}\n"))
	if stays := c.remove(t, volume); !strings.Contains(stays, "with its data") {
		t.Errorf("the volume: %q", stays)
	}
	if stays := c.remove(t, widgetDef); !strings.Contains(stays, "resources of its kind") || !c.there(widgets, widgetRef) {
		t.Errorf("the definition: %q", stays)
	}
	if stays := c.remove(t, widgetRef); stays != "" || c.there(widgets, widgetRef) {
		t.Errorf("the resource: %q", stays)
	}
	if stays := c.remove(t, widgetDef); stays != "" || c.there(kubeapi.CustomResources, widgetDef) {
		t.Errorf("the definition without resources: %q", stays)
	}
	if stays := c.remove(t, widgetRef); stays != "" {
		t.Errorf("a kind that is not served: %q", stays)
	}

	c.own(t, manifests(definition, widget))
	c.byHand(t, kubeapi.CustomResources, widgetDef, annotated("gantry.io/prune", "enabled"))
	c.byHand(t, kubeapi.Namespaces, namespace, annotated("gantry.io/prune", "enabled"))
	for _, ref := range []model.ObjectRef{widgetDef, namespace} {
		if stays := c.remove(t, ref); stays != "" {
			t.Errorf("%s: %q", ref, stays)
		}
	}
	if c.there(kubeapi.CustomResources, widgetDef) || c.there(widgets, widgetRef) || c.there(kubeapi.Namespaces, namespace) {
		t.Error("they are there")
	}
}

// TestKindOfAnotherVersionIsDeleted has a definition serve its kind in another version than when
// it was learnt: that its former path is not found does not mean that the object is gone.
func TestKindOfAnotherVersionIsDeleted(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(definition, widget))
	another := c.masters(t)
	none := model.ObjectRef{Group: widgetRef.Group, Kind: "Widget", Name: "none"}
	if _, err := another.DeleteObject(t.Context(), shopOwner, none); err != nil {
		t.Fatal(err)
	}
	c.edit(t, kubeapi.CustomResources.WithVersion("v1"), widgetDef, func(o *kubeapi.Object) {
		version := o.Object["spec"].(map[string]any)["versions"].([]any)[0].(map[string]any)
		version["name"] = "v2"
	})
	drift, err := c.look(t, applied)
	if err == nil || len(drift) != 1 || drift[0].ObjectRef != widgetDef {
		t.Errorf("drift %v, %v", drift, err)
	}
	c.API = another
	if stays := c.remove(t, widgetRef); stays != "" || c.there(widgets, widgetRef) {
		t.Errorf("the resource: %q", stays)
	}
}

// TestWhatOthersMadeIsTakenOver applies to what was there before: it gets no marks, and is not
// deleted. What an older Gantry has applied, and what a manifest says is to go, is the pack's.
func TestWhatOthersMadeIsTakenOver(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(*kubeapi.Object)
		adopts bool
		meta   string // of the manifest
		goes   bool
	}{
		"another's":                         {},
		"another's, of an older Gantry":     {before: appliedBy("kubectl"), adopts: true},
		"an older Gantry's":                 {before: appliedBy("gantry"), adopts: true, goes: true},
		"an older Gantry's, and not asked":  {before: appliedBy("gantry")},
		"another's that is to go":           {meta: "annotations: {gantry.io/prune: enabled}", goes: true},
		"of another cluster that runs here": {before: markedFor(uuid.New())},
		"the cluster's, of another pack":    {before: markedFor(shopOwner.Cluster), goes: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newCluster(t)
			o := &kubeapi.Object{Object: map[string]any{
				"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": first.Name, "namespace": first.Namespace},
			}}
			if c.before != nil {
				c.before(o)
			}
			if _, err := k.store.Create(kubeapi.ConfigMaps, o); err != nil {
				t.Fatal(err)
			}
			m := manifests("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: first\n  " + c.meta + "\n")
			m.Adopts = c.adopts
			applied := k.own(t, m)
			if len(applied) != 1 || applied[0].ObjectRef != first || applied[0].TakenOver == c.goes {
				t.Errorf("applied %+v", applied)
			}
			applied = k.own(t, m, applied...) // again, as another run does
			if applied[0].TakenOver == c.goes {
				t.Errorf("applied again, %+v", applied)
			}
			if stays := k.remove(t, first); (stays == "") != c.goes || k.there(kubeapi.ConfigMaps, first) == c.goes {
				t.Errorf("it is there %t: %q", k.there(kubeapi.ConfigMaps, first), stays)
			}
		})
	}
}

// appliedBy has an object be one that a tool has applied.
func appliedBy(manager string) func(*kubeapi.Object) {
	return func(o *kubeapi.Object) {
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{
			Manager: manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1", FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:data":{}}`),
		}})
	}
}

// markedFor has an object be a pack's of a cluster.
func markedFor(cluster uuid.UUID) func(*kubeapi.Object) {
	return func(o *kubeapi.Object) {
		o.SetLabels(map[string]string{"gantry.io/cluster": cluster.String(), "gantry.io/pack": "before"})
	}
}
