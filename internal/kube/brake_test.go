package kube_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

const pair = `
apiVersion: v1
kind: ConfigMap
metadata: {name: first}
data: {a: "1", b: "1"}
`

func paired(a, b string) func(*kubeapi.Object) {
	return func(o *kubeapi.Object) { o.Object["data"] = map[string]any{"a": a, "b": b} }
}

// TestEachFieldIsSetBackOnce has a field change again that was set back, alone and beside another one,
// also after the pack was applied because of another object: it is held. A field of its own is not, nor
// one of an object whose manifest is another one.
func TestEachFieldIsSetBackOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	configMaps := kubeapi.ConfigMaps.WithVersion("v1")
	applied := c.own(t, manifests(pair))
	held := func(a, b string, want bool) {
		t.Helper()
		c.edit(t, configMaps, first, paired(a, b))
		drift, err := c.look(t, applied, pair)
		if err != nil || len(drift) != 1 || (drift[0].Held != "") != want {
			t.Errorf("of %s and %s: drift %v, %v", a, b, drift, err)
		}
	}
	held("2", "1", false)
	applied, _ = c.setBack(t, applied, first, pair)
	held("1", "2", false)
	held("2", "2", true)
	held("2", "1", true)
	other := strings.ReplaceAll(pair, "first", "second")
	applied = c.own(t, manifests(pair, other), applied...)
	held("3", "1", true)
	applied = c.own(t, manifests(strings.ReplaceAll(pair, `b: "1"`, `b: "1", c: x`), other), applied...)
	c.edit(t, configMaps, first, paired("4", "1"))
	if drift, err := c.look(t, applied); err != nil || len(drift) != 1 || drift[0].Held != "" {
		t.Errorf("its manifest is another one: drift %v, %v", drift, err)
	}
}

// TestManyFieldsAreNotForgotten has many fields of an object be set back one by one.
func TestManyFieldsAreNotForgotten(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	text := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\ndata:\n"
	for n := range 12 {
		text += fmt.Sprintf("  f%d: red\n", n)
	}
	applied := c.own(t, manifests(text))
	change := func(n int) {
		c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), first, func(o *kubeapi.Object) {
			o.Object["data"].(map[string]any)[fmt.Sprintf("f%d", n)] = "green"
		})
	}
	for n := range 12 {
		change(n)
		var held []model.Drift
		if applied, held = c.setBack(t, applied, first, text); len(held) > 0 {
			t.Fatalf("held %v", held)
		}
	}
	change(0)
	if drift, err := c.look(t, applied, text); err != nil || len(drift) != 1 || drift[0].Held == "" {
		t.Errorf("drift %v, %v", drift, err)
	}
}

// TestMissingTwice has an object go after it was made again.
func TestMissingTwice(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(pair))
	for _, want := range []bool{false, true} {
		if _, err := c.store.Delete(kubeapi.ConfigMaps, first.Namespace, first.Name, metav1.Preconditions{}, nil); err != nil {
			t.Fatal(err)
		}
		drift, err := c.look(t, applied, pair)
		if err != nil || len(drift) != 1 || (drift[0].Held != "") != want {
			t.Errorf("drift %v, %v", drift, err)
		}
		applied, _ = c.setBack(t, applied, first, pair)
	}
}

// TestNullsStayFilled has a program fill in what manifests have as a null: no apply empties it.
func TestNullsStayFilled(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"data":       "data: {tls.crt: }",
		"binaryData": "data: {tls.crt: ~, other: eA==}",
		"stringData": "stringData: {tls.crt: null}",
		"a text":     `data: {tls.crt: ""}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			ref := model.ObjectRef{Kind: "Secret", Namespace: "default", Name: "certificate"}
			text := "apiVersion: v1\nkind: Secret\nmetadata: {name: certificate}\n" + text + "\n"
			applied := c.own(t, manifests(text))
			c.edit(t, kubeapi.Secrets.WithVersion("v1"), ref, func(o *kubeapi.Object) {
				data, _ := o.Object["data"].(map[string]any)
				if data == nil {
					data = map[string]any{}
				}
				data["tls.crt"] = "dGV4dA=="
				o.Object["data"] = data
			})
			if drift, err := c.look(t, applied, text); err != nil || len(drift) > 0 {
				t.Errorf("drift %v, %v", drift, err)
			}
			c.own(t, manifests(text+"# a comment\n"), applied...)
			o, err := c.store.Get(kubeapi.Secrets, ref.Namespace, ref.Name)
			if err != nil {
				t.Fatal(err)
			}
			if data, _ := o.Object["data"].(map[string]any); data["tls.crt"] != "dGV4dA==" {
				t.Errorf("an apply has left %v", data)
			}
		})
	}
}

// TestDataOfSecretsIsLeftToWhoHasIt has a program change what a Secret was applied with: it may be the
// only copy. One that is deleted is set back.
func TestDataOfSecretsIsLeftToWhoHasIt(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ref := model.ObjectRef{Kind: "Secret", Namespace: "default", Name: "token"}
	const text = "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\ndata: {token: Cg==, other: Cg==}\n"
	applied := c.own(t, manifests(text))
	c.edit(t, kubeapi.Secrets.WithVersion("v1"), ref, func(o *kubeapi.Object) { o.Object["data"] = map[string]any{"token": "Cg=="} })
	if drift, err := c.look(t, applied, text); err != nil || len(drift) != 1 || drift[0].Held != "" {
		t.Errorf("drift %v, %v", drift, err)
	}
	applied, _ = c.setBack(t, applied, ref, text)
	c.edit(t, kubeapi.Secrets.WithVersion("v1"), ref, func(o *kubeapi.Object) {
		o.Object["data"] = map[string]any{"token": "dGV4dA==", "other": "Cg=="}
	})
	drift, err := c.look(t, applied, text)
	if err != nil || len(drift) != 1 || !strings.Contains(drift[0].Held, "only copy") {
		t.Errorf("drift %v, %v", drift, err)
	}
	if now, held := c.setBack(t, applied, ref, text); len(held) != 1 || !strings.Contains(held[0].Held, "only copy") {
		t.Errorf("set back %v, held %v", now, held)
	}
}

// TestSharedObjectsAreSetBackByOnePack has another pack apply an object between a plan and its apply.
func TestSharedObjectsAreSetBackByOnePack(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(pair))
	for i := range applied {
		applied[i].Shared = true
	}
	after := shopOwner
	after.Pack = "after"
	theirs := strings.ReplaceAll(pair, `"1"`, `"5"`)
	if _, err := c.Apply(t.Context(), model.PackManifests{Owner: after, Manifests: []string{theirs}}); err != nil {
		t.Fatal(err)
	}
	c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), first, paired("6", "6"))
	now, held := c.setAllBack(t, applied, []model.ObjectRef{first}, pair)
	if len(now) > 0 || len(held) != 1 || !strings.Contains(held[0].Held, "another pack") {
		t.Errorf("set back %v, held %v", now, held)
	}
}
