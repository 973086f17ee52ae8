package model_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func configMap(name string) model.ObjectRef {
	return model.ObjectRef{Kind: "ConfigMap", Namespace: "apps", Name: name}
}

// TestPackObjects has what the manifests of a pack name: each once, also within a list.
func TestPackObjects(t *testing.T) {
	t.Parallel()
	pack := model.Pack{Manifests: []string{
		"# nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n" +
			"apiVersion: v1\nkind: Namespace\nmetadata: {name: apps}\n",
		"apiVersion: v1\nkind: ConfigMapList\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: one, namespace: apps}}\n",
		"apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: web}\n", "[", "kind: Nameless",
	}}
	want := []model.ObjectRef{{Group: "apps", Kind: "Deployment", Name: "web"}, {Kind: "Namespace", Name: "apps"}, configMap("one")}
	if got := pack.Objects(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestObjectRefNames(t *testing.T) {
	t.Parallel()
	inDefault := model.ObjectRef{Kind: "ConfigMap", Namespace: "default", Name: "one"}
	of := func(namespace string) model.ObjectRef {
		return model.ObjectRef{Kind: "ConfigMap", Namespace: namespace, Name: "one"}
	}
	role := model.ObjectRef{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole", Name: "one"}
	written := role
	written.Namespace = "apps"
	for name, c := range map[string]struct {
		named, written model.ObjectRef
		same           bool
	}{
		"as it is":                    {of("apps"), of("apps"), true},
		"elsewhere":                   {of("apps"), of("other"), false},
		"the default, left out":       {inDefault, of(""), true},
		"another, left out":           {of("apps"), of(""), false},
		"in none, whatever one says":  {role, written, true},
		"of another group":            {role, model.ObjectRef{Kind: "ClusterRole", Name: "one"}, false},
		"another one of its own kind": {of("apps"), model.ObjectRef{Kind: "ConfigMap", Namespace: "apps", Name: "two"}, false},
	} {
		if got := c.named.Names(c.written); got != c.same {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestInventoryIsStored has an inventory come back as it was, and nothing that only looks like
// one.
func TestInventoryIsStored(t *testing.T) {
	t.Parallel()
	had := model.Inventory{Cluster: uuid.New(), Objects: []model.PackObject{{ObjectRef: configMap("one")}}}
	both := had.With([]model.PackObject{{ObjectRef: configMap("two"), TakenOver: true}, {ObjectRef: configMap("one"), TakenOver: true}})
	if len(had.Objects) != 1 || len(both.Objects) != 2 || both.Objects[0].TakenOver {
		t.Errorf("%+v and %+v", had, both)
	}
	raw, err := both.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := model.DecodeInventory(raw)
	if err != nil || again.Cluster != had.Cluster || !reflect.DeepEqual(again.Objects, both.Objects) {
		t.Errorf("%+v, %v", again, err)
	}
	large := model.Inventory{Objects: []model.PackObject{{ObjectRef: configMap(strings.Repeat("x", 8<<20))}}}
	if _, err := large.Encode(); err == nil {
		t.Error("one that is never read was stored")
	}
	many := model.Inventory{}
	for n := range 2000 { // hashes cannot be compressed
		var hashes [512]byte
		_, _ = rand.Read(hashes[:])
		o := model.PackObject{ObjectRef: configMap(fmt.Sprint(n)), Set: &model.SetFields{Fields: hex.EncodeToString(hashes[:])}}
		many.Objects = append(many.Objects, o)
	}
	stored, err := many.Encode()
	if err != nil || len(stored) > 1<<20 || many.Objects[0].Set == nil {
		t.Fatalf("it takes %d bytes, %v", len(stored), err)
	}
	if again, err := model.DecodeInventory(stored); err != nil || len(again.Objects) != 2000 {
		t.Errorf("%d objects, %v", len(again.Objects), err)
	}
	for name, damaged := range map[string][]byte{"nothing": nil, "a text": []byte("{}"), "a part": raw[:len(raw)/2]} {
		if got, err := model.DecodeInventory(damaged); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestDeletionWaves has custom resources go before what may have to finish them, webhooks before
// what runs behind them, and definitions and namespaces last.
func TestDeletionWaves(t *testing.T) {
	t.Parallel()
	var objects []model.PackObject
	for _, ref := range []model.ObjectRef{
		{Kind: "Namespace", Name: "apps"},
		{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "widgets.example.com"},
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration", Name: "w"},
		{Group: "rbac.authorization.k8s.io", Kind: "Role", Name: "r"}, {Group: "apps", Kind: "Deployment", Name: "d"},
		{Group: "gateway.networking.k8s.io", Kind: "Gateway", Name: "g"}, {Group: "example.com", Kind: "Widget", Name: "w"},
	} {
		objects = append(objects, model.PackObject{ObjectRef: ref})
	}
	var got []string
	for _, wave := range model.DeletionWaves(objects) {
		var kinds []string
		for _, o := range wave {
			kinds = append(kinds, o.Kind)
		}
		got = append(got, strings.Join(kinds, " "))
	}
	want := []string{"Widget Gateway", "ValidatingWebhookConfiguration Deployment Role", "CustomResourceDefinition Namespace"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestChangesOfManifests has a plan say how many objects go.
func TestChangesOfManifests(t *testing.T) {
	t.Parallel()
	for want, step := range map[string]model.Step{
		"apply_pack app (prunes 1 object)":                      model.ApplyPack{Pack: model.Pack{Name: "app"}, Prunes: 1},
		"apply_pack app (prunes 2 objects)":                     model.ApplyPack{Pack: model.Pack{Name: "app"}, Prunes: 2},
		"apply_pack app (sets back 1 object)":                   model.ApplyPack{Pack: model.Pack{Name: "app"}, Drifted: 1},
		"apply_pack app (prunes 1 object, sets back 2 objects)": model.ApplyPack{Pack: model.Pack{Name: "app"}, Prunes: 1, Drifted: 2},
		"uninstall_pack app (2 objects)":                        model.UninstallPack{Pack: "app", Objects: 2},
		"uninstall_pack app (objects stay)":                     model.UninstallPack{Pack: "app", Objects: 2, KeepObjects: true},
	} {
		if got := step.Change().String(); got != want {
			t.Errorf("got %q, and not %q", got, want)
		}
	}
}
