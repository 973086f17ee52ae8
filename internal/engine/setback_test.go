package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// hindered has an object be held when an apply sets it back, and, once that is asked for, no list of
// the objects of packs.
type hindered struct {
	model.Kube
	holds    model.ObjectRef
	loses    bool
	compared *atomic.Bool
}

func (k hindered) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return hinderedAPI{API: api, hindered: k}, err
}

type hinderedAPI struct {
	model.API
	hindered
}

func (a hinderedAPI) Drift(ctx context.Context, m model.PackManifests) ([]model.Drift, error) {
	a.compared.Store(true)
	return a.API.Drift(ctx, m)
}

func (a hinderedAPI) Secret(ctx context.Context, name string) (map[string][]byte, error) {
	if a.loses && a.compared.Load() && name == model.InventorySecret("app") {
		return nil, nil
	}
	return a.API.Secret(ctx, name)
}

func (a hinderedAPI) SetBack(
	ctx context.Context, m model.PackManifests, only []model.ObjectRef,
) ([]model.PackObject, []model.Drift, error) {
	only = slices.DeleteFunc(slices.Clone(only), func(o model.ObjectRef) bool { return o == a.holds })
	now, held, err := a.API.SetBack(ctx, m, only)
	return now, append(held, model.Drift{ObjectRef: a.holds, Held: "a webhook is away"}), err
}

// TestWhatWasSetBackIsNotedBesideWhatIsHeld has one of two objects be refused in the apply: the apply
// goes on and tells it, and it is noted that the other one was set back. Without the list of the objects
// nothing is done, and that is told.
func TestWhatWasSetBackIsNotedBesideWhatIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network, settings("one, annotations: {owner: shop}", "two, annotations: {owner: shop}")}
	spec, secrets, _ := w.applied(spec)
	configMaps := w.clients(secrets).CoreV1().ConfigMaps("apps")
	change := func(name string) {
		o, err := configMaps.Get(t.Context(), name, metav1.GetOptions{})
		w.must(err)
		o.Annotations["owner"] = "another"
		_, err = configMaps.Update(t.Context(), o, metav1.UpdateOptions{FieldManager: "shop-operator"})
		w.must(err)
	}
	owner := func(name string) string {
		o, err := configMaps.Get(t.Context(), name, metav1.GetOptions{})
		w.must(err)
		return o.Annotations["owner"]
	}
	shown := []model.Change{{Action: model.ActionApplyPack, Target: "app (sets back 2 objects)"}}
	apply := func(loses bool) string {
		e := w.engine()
		one := model.ObjectRef{Kind: "ConfigMap", Namespace: "apps", Name: "one"}
		e.Kube = hindered{Kube: e.Kube, holds: one, loses: loses, compared: &atomic.Bool{}}
		result, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
		w.must(err)
		var all strings.Builder
		for _, warning := range result.Warnings {
			all.WriteString(warning.Detail)
		}
		return all.String()
	}
	change("one")
	change("two")
	if told := apply(true); !strings.Contains(told, "gantry-pack-app") || owner("one") != "another" || owner("two") != "another" {
		t.Errorf("without the list: told %q, and the objects are of %s and %s", told, owner("one"), owner("two"))
	}
	if told := apply(false); !strings.Contains(told, "a webhook is away") || owner("one") != "another" || owner("two") != "shop" {
		t.Errorf("told %q, and the objects are of %s and %s", told, owner("one"), owner("two"))
	}
	change("two")
	w.expectDrift(spec, secrets, "apply_pack app (sets back 1 object)")
}
