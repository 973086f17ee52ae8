package kube_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

var web = model.ObjectRef{Group: "apps", Kind: "Deployment", Namespace: "default", Name: "web"}

// setBack sets objects back, and returns those of the pack as they are known then.
func (c *cluster) setBack(
	t *testing.T, objects []model.PackObject, only model.ObjectRef, texts ...string,
) ([]model.PackObject, []model.Drift) {
	t.Helper()
	m := model.PackManifests{Owner: shopOwner, Manifests: texts, Objects: objects}
	now, held, err := c.SetBack(t.Context(), m, []model.ObjectRef{only})
	if err != nil || len(now) > 1 {
		t.Fatalf("set back %v, %v", now, err)
	}
	after := slices.Clone(objects)
	for i := range after {
		if len(now) > 0 && after[i].ObjectRef == now[0].ObjectRef {
			after[i] = now[0]
		}
	}
	return after, held
}

// imageOf changes what the deployment runs.
func imageOf(image string) func(*kubeapi.Object) {
	return func(o *kubeapi.Object) {
		pod := o.Object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)
		pod["containers"].([]any)[0].(map[string]any)["image"] = image
	}
}

// scaled has an autoscaler set the replicas, which asks for that in a way of its own.
func (c *cluster) scaled(t *testing.T, replicas int64) {
	t.Helper()
	c.edit(t, kubeapi.Deployments.WithVersion("v1"), web, func(o *kubeapi.Object) { o.Object["spec"].(map[string]any)["replicas"] = replicas })
	c.byHand(t, kubeapi.Deployments, web, func(o *kubeapi.Object) {
		entries := o.GetManagedFields()
		for i, e := range entries {
			if e.Manager == "kubectl-edit" {
				entries[i].Manager = "kube-controller-manager"
				entries[i].Subresource = "scale"
			}
		}
		o.SetManagedFields(entries)
	})
}

// TestSettingBackLeavesWhatOthersHave sets back the one object that someone has changed, in what they
// have changed, and leaves an autoscaler its replicas. That it changes in the same way again is told,
// with who has set it, and no apply sets it back.
func TestSettingBackLeavesWhatOthersHave(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(colours))
	deployments := kubeapi.Deployments.WithVersion("v1")
	c.scaled(t, 4)
	if drift, err := c.look(t, applied, colours); err != nil || len(drift) > 0 {
		t.Errorf("an autoscaler is drift: %v, %v", drift, err)
	}
	c.edit(t, deployments, web, imageOf("registry.example.com/web:2"))
	drift, err := c.look(t, applied, colours)
	if err != nil || len(drift) != 1 || drift[0].Held != "" || !strings.Contains(drift[0].String(), ".image, set by kubectl-edit") {
		t.Fatalf("drift %v, %v", drift, err)
	}
	var patched atomic.Int64
	before := func(r *http.Request) {
		if r.Method == http.MethodPatch {
			patched.Add(1)
		}
	}
	c.before.Store(&before)
	applied, held := c.setBack(t, applied, web, colours)
	if len(held) > 0 || patched.Load() != 1 {
		t.Errorf("held %v after %d changes", held, patched.Load())
	}
	expect := func(image string) {
		t.Helper()
		o, err := c.store.Get(kubeapi.Deployments, web.Namespace, web.Name)
		if err != nil {
			t.Fatal(err)
		}
		spec := o.Object["spec"].(map[string]any)
		pod := spec["template"].(map[string]any)["spec"].(map[string]any)
		if got := pod["containers"].([]any)[0].(map[string]any)["image"]; got != image || spec["replicas"] != int64(4) {
			t.Errorf("the image is %v and the replicas are %v", got, spec["replicas"])
		}
	}
	expect("registry.example.com/web:1")
	if drift, err := c.look(t, applied, colours); err != nil || len(drift) > 0 {
		t.Errorf("set back, and drift %v, %v", drift, err)
	}

	c.edit(t, deployments, web, imageOf("registry.example.com/web:3"))
	drift, err = c.look(t, applied, colours)
	if err != nil || len(drift) != 1 || !strings.Contains(drift[0].String(), "kubectl-edit: an apply has set it back before") {
		t.Errorf("drift %v, %v", drift, err)
	}
	if _, held = c.setBack(t, applied, web, colours); len(held) != 1 {
		t.Errorf("held %v", held)
	}
	expect("registry.example.com/web:3")
}

const certificate = `
apiVersion: v1
kind: Secret
metadata: {name: certificate, annotations: {owner: shop}}
data: {tls.crt: ""}
stringData: {tls.key: ""}
`

// TestPlaceholdersStayFilled has a program fill in what a Secret leaves empty: that is no drift, and
// neither setting it back nor another apply empties it.
func TestPlaceholdersStayFilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ref := model.ObjectRef{Kind: "Secret", Namespace: "default", Name: "certificate"}
	applied := c.own(t, manifests(certificate))
	secrets := kubeapi.Secrets.WithVersion("v1")
	c.edit(t, secrets, ref, func(o *kubeapi.Object) {
		o.Object["data"] = map[string]any{"tls.crt": "dGV4dA==", "tls.key": "dGV4dA=="}
	})
	if drift, err := c.look(t, applied, certificate); err != nil || len(drift) > 0 {
		t.Errorf("drift %v, %v", drift, err)
	}
	expect := func(after string) {
		t.Helper()
		o, err := c.store.Get(kubeapi.Secrets, ref.Namespace, ref.Name)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := o.Object["data"].(map[string]any)
		if data["tls.crt"] != "dGV4dA==" || data["tls.key"] != "dGV4dA==" || o.GetAnnotations()["owner"] != "shop" {
			t.Errorf("after %s it has %v and the annotations %v", after, data, o.GetAnnotations())
		}
	}
	c.edit(t, secrets, ref, annotated("owner", "another"))
	after, held := c.setBack(t, applied, ref, certificate)
	if len(held) > 0 {
		t.Errorf("held %v", held)
	}
	expect("it was set back")
	c.own(t, manifests(certificate), after...)
	expect("an apply")
}

const login = `
apiVersion: v1
kind: Secret
metadata: {name: login, annotations: {owner: shop}}
stringData: {password: changeme}
`

// TestSettingBackLeavesWhatTheAPIDoesNotReturn has someone take the place of a password that a Secret
// was made with, and change an annotation: the annotation is set back, and the password stays.
func TestSettingBackLeavesWhatTheAPIDoesNotReturn(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ref := model.ObjectRef{Kind: "Secret", Namespace: "default", Name: "login"}
	applied := c.own(t, manifests(login))
	secrets := kubeapi.Secrets.WithVersion("v1")
	c.edit(t, secrets, ref, func(o *kubeapi.Object) { o.Object["data"] = map[string]any{"password": "cmVhbA=="} })
	c.edit(t, secrets, ref, annotated("owner", "another"))
	if _, held := c.setBack(t, applied, ref, login); len(held) > 0 {
		t.Errorf("held %v", held)
	}
	o, err := c.store.Get(kubeapi.Secrets, ref.Namespace, ref.Name)
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := o.Object["data"].(map[string]any); data["password"] != "cmVhbA==" || o.GetAnnotations()["owner"] != "shop" {
		t.Errorf("it has %v and the annotations %v", data, o.GetAnnotations())
	}
}

// TestWhatCannotBeSetBackStays has objects be made anew with what never changes: the plan says that the
// API refuses to set them back, and an apply that was not told so says the same, and is no failure.
func TestWhatCannotBeSetBackStays(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	applied := c.own(t, manifests(colours))
	if _, err := c.store.Delete(kubeapi.ConfigMaps, first.Namespace, first.Name, metav1.Preconditions{}, nil); err != nil {
		t.Fatal(err)
	}
	frozen := strings.ReplaceAll(strings.SplitN(colours, "---", 2)[0], "red", "green") + "immutable: true\n"
	if _, err := c.masters(t).Apply(t.Context(), model.PackManifests{Owner: shopOwner, Manifests: []string{frozen}}); err != nil {
		t.Fatal(err)
	}
	c.byHand(t, kubeapi.ConfigMaps, first, func(o *kubeapi.Object) {
		entries := o.GetManagedFields()
		for i := range entries {
			entries[i].Manager = "kubectl"
			entries[i].Operation = metav1.ManagedFieldsOperationUpdate
		}
		o.SetManagedFields(entries)
	})
	drift, err := c.look(t, applied)
	if err != nil || len(drift) != 1 || drift[0].ObjectRef != first || drift[0].Held != "" {
		t.Fatalf("drift %v, %v", drift, err)
	}
	drift, err = c.look(t, applied, colours)
	if err != nil || len(drift) != 1 || !strings.Contains(drift[0].Held, "the API refuses to set it back") ||
		!strings.Contains(drift[0].Held, "field is immutable") {
		t.Errorf("drift %v, %v", drift, err)
	}
	if _, held := c.setBack(t, applied, first, colours); len(held) != 1 || !strings.Contains(held[0].Held, "field is immutable") {
		t.Errorf("held %v", held)
	}
}

// TestWhatGoesByItselfIsNotMissed has objects go that are made to, and add-ons change that Gantry
// itself updates.
func TestWhatGoesByItselfIsNotMissed(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	const text = `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: registry.example.com/a:1}]}}}
---
apiVersion: v1
kind: Secret
metadata: {name: bootstrap-token-abcdef, namespace: kube-system}
type: bootstrap.kubernetes.io/token
stringData: {token-id: abcdef, token-secret: 0123456789abcdef}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data: {Corefile: a}
`
	applied := c.own(t, manifests(text))
	coredns := model.ObjectRef{Kind: "ConfigMap", Namespace: "kube-system", Name: "coredns"}
	c.edit(t, kubeapi.ConfigMaps.WithVersion("v1"), coredns, func(o *kubeapi.Object) { o.Object["data"] = map[string]any{"Corefile": "b"} })
	if _, err := c.store.Delete(kubeapi.Jobs, "default", "migrate", metav1.Preconditions{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.store.Delete(kubeapi.Secrets, "kube-system", "bootstrap-token-abcdef", metav1.Preconditions{}, nil); err != nil {
		t.Fatal(err)
	}
	if drift, err := c.look(t, applied, text); err != nil || len(drift) > 0 {
		t.Errorf("drift %v, %v", drift, err)
	}
}
