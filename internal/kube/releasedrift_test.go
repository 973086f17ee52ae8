package kube_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// shopChart is what a chart has rendered to.
const shopChart = `
# Source: shop/templates/config.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: first, annotations: {}, labels: {team: a}}
data: {colour: red, colour: blue}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: second, namespace: kube-system}
  data: {colour: blue}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
data: {user: YWRtaW4=, filled: ""}
stringData: {password: first}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 53, name: tcp}, {port: 53, name: udp, protocol: UDP}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}, creationTimestamp: null}
    spec:
      hostNetwork: false
      volumes: []
      containers:
      - name: web
        image: registry.example.com/web:1
        args: [--colour, blue]
        resources: {limits: {cpu: 1000m, memory: 1024Mi}, requests: {cpu: 1}}
        env: [{name: A, value: a}, {name: B, value: b}]
        ports: [{containerPort: 80}]
      - {name: side, image: "registry.example.com/side:1"}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate}
spec: {ttlSecondsAfterFinished: 0, template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}
data: {colour: red}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: shop}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
`

// deployed is the release shop with a manifest.
func deployed(manifest string) func(context.Context) (model.DeployedRelease, error) {
	return func(context.Context) (model.DeployedRelease, error) {
		return model.DeployedRelease{Namespace: "default", Name: "shop", Manifest: manifest}, nil
	}
}

// release applies what a chart has rendered to, as Helm does: on the server's side, or, by an older
// one, as its own update.
func (c *cluster) release(t *testing.T, text string, serverSide bool) {
	t.Helper()
	for part := range strings.SplitSeq(text, "\n---\n") {
		asJSON, err := yaml.YAMLToJSON([]byte(part))
		if err != nil {
			t.Fatal(err)
		}
		var o unstructured.Unstructured
		if err := json.Unmarshal(asJSON, &o.Object); err != nil {
			t.Fatal(err)
		}
		items, isList := o.Object["items"].([]any)
		if !isList {
			items = []any{o.Object}
		}
		for _, item := range items {
			c.helm(t, &unstructured.Unstructured{Object: item.(map[string]any)}, serverSide)
		}
	}
}

func (c *cluster) helm(t *testing.T, o *unstructured.Unstructured, serverSide bool) {
	t.Helper()
	labels, annotations := o.GetLabels(), o.GetAnnotations()
	if labels == nil {
		labels = map[string]string{}
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	labels["app.kubernetes.io/managed-by"] = "Helm"
	annotations["meta.helm.sh/release-name"] = "shop"
	annotations["meta.helm.sh/release-namespace"] = "default"
	o.SetLabels(labels)
	o.SetAnnotations(annotations)
	kind := o.GroupVersionKind()
	resource := kind.GroupVersion().WithResource(strings.ToLower(kind.Kind) + "s")
	namespace := o.GetNamespace()
	if namespace == "" && kind.Kind != "ClusterRole" && kind.Kind != "CustomResourceDefinition" {
		namespace = "default"
	}
	at := c.others(t).Resource(resource).Namespace(namespace)
	var err error
	if serverSide {
		_, err = at.Apply(t.Context(), o.GetName(), o, metav1.ApplyOptions{FieldManager: "helm", Force: true})
	} else {
		_, err = at.Create(t.Context(), o, metav1.CreateOptions{FieldManager: "helm"})
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// released looks at the release, and returns what it says.
func (c *cluster) released(t *testing.T) []string {
	t.Helper()
	drift, err := c.ReleaseDrift(t.Context(), deployed(shopChart))
	if err != nil {
		t.Error(err)
	}
	said := []string{}
	for _, d := range drift {
		said = append(said, d.String())
	}
	return said
}

// webContainer is a change of the first container of the Deployment.
func webContainer(change string) string {
	return `{"spec": {"template": {"spec": {"containers": [{"name": "web", ` + change + `}]}}}}`
}

// TestReleaseDriftIsInItsFields says which changes of others are drift: of what the manifest of a
// release sets, and nothing else; also where Helm has not applied on the server's side.
func TestReleaseDriftIsInItsFields(t *testing.T) {
	t.Parallel()
	const (
		by     = ", set by kubectl-edit)"
		web    = `Deployment default/web (.spec.template.spec.containers[name="web"]`
		config = "ConfigMap default/first (."
		secret = "Secret default/login (.data."
		copied = ", set by kubectl-edit: who has set the data of a Secret may have the only copy in it)"
	)
	changes := []struct {
		what, of, name string
		patch          string // a strategic one
		want           string
	}{
		{"nothing", "configmaps", "first", `{}`, ""},
		{"a value", "configmaps", "first", `{"data": {"colour": "green"}}`, config + "data.colour" + by},
		{"a value that went", "configmaps", "first", `{"data": {"colour": null}}`, config + "data.colour)"},
		{"all values", "configmaps", "first", `{"data": null}`, config + "data)"},
		{"a value beside", "configmaps", "first", `{"data": {"size": "large"}}`, ""},
		{"a label", "configmaps", "first", `{"metadata": {"labels": {"team": "b"}}}`, config + "metadata.labels.team" + by},
		{"an annotation beside", "configmaps", "first", `{"metadata": {"annotations": {"cert-manager.io/x": "b"}}}`, ""},
		{"what is to be kept", "configmaps", "kept", `{"data": {"colour": "green"}}`, ""},
		{"data of a Secret", "secrets", "login", `{"data": {"user": "cm9vdA=="}}`, secret + "user" + copied},
		{"a text of a Secret", "secrets", "login", `{"data": {"password": "cm9vdA=="}}`, secret + "password" + copied},
		{"a text that went", "secrets", "login", `{"data": {"password": null}}`, secret + "password)"},
		{"what is to be filled in", "secrets", "login", `{"data": {"filled": "cm9vdA=="}}`, ""},
		{"one more selected", "services", "web", `{"spec": {"selector": {"tier": "x"}}}`, "Service default/web (.spec.selector" + by},
		{"replicas", "deployments", "web", `{"spec": {"replicas": 3}}`, "Deployment default/web (.spec.replicas" + by},
		{"a pause", "deployments", "web", `{"spec": {"paused": true}}`, ""},
		{"an image", "deployments", "web", webContainer(`"image": "x"`), web + ".image" + by},
		{"arguments", "deployments", "web", webContainer(`"args": ["--colour", "red"]`), web + ".args" + by},
		{"a limit", "deployments", "web", webContainer(`"resources": {"limits": {"cpu": "2"}}`), web + ".resources.limits.cpu" + by},
		{"limits as they were", "deployments", "web", webContainer(`"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}`), ""},
		{"a variable", "deployments", "web", webContainer(`"env": [{"name": "A", "value": "x"}]`), web + `.env[name="A"].value` + by},
		{"a variable that went", "deployments", "web", webContainer(`"env": [{"name": "B", "$patch": "delete"}]`), web + `.env[name="B"])`},
		{"a variable beside", "deployments", "web", webContainer(`"env": [{"name": "C", "value": "x"}]`), ""},
		{"another order", "deployments", "web", webContainer(`"$setElementOrder/env": [{"name": "B"}, {"name": "A"}]`), ""},
		{"ports", "deployments", "web", webContainer(`"ports": null`), web + ".ports)"},
		{"another container", "deployments", "web", webContainer(`"name": "proxy", "image": "x"`), ""},
		{"a container that went", "deployments", "web", webContainer(`"name": "side", "$patch": "delete"`),
			`Deployment default/web (.spec.template.spec.containers[name="side"])`},
		{"the host's network", "deployments", "web", `{"spec": {"template": {"spec": {"hostNetwork": true}}}}`,
			"Deployment default/web (.spec.template.spec.hostNetwork" + by},
		{"a restart", "deployments", "web",
			`{"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}}`, ""},
	}
	for how, serverSide := range map[string]bool{"applied": true, "created": false} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			k := newCluster(t)
			for _, c := range changes {
				resource := schema.GroupVersionResource{Version: "v1", Resource: c.of}
				if c.of == "deployments" {
					resource.Group = "apps"
				}
				for _, of := range []schema.GroupResource{
					kubeapi.ConfigMaps, kubeapi.Secrets, kubeapi.Services, kubeapi.Deployments, kubeapi.Jobs,
				} {
					for _, name := range []string{"first", "kept", "login", "web", "migrate"} {
						_, _ = k.store.Delete(of, "default", name, metav1.Preconditions{}, nil)
					}
				}
				k.release(t, shopChart, serverSide)
				at := k.others(t).Resource(resource).Namespace("default")
				options := metav1.PatchOptions{FieldManager: "kubectl-edit"}
				if _, err := at.Patch(t.Context(), c.name, types.StrategicMergePatchType, []byte(c.patch), options); err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(k.released(t), "; "); got != c.want {
					t.Errorf("%s: it says %q, and not %q", c.what, got, c.want)
				}
			}
		})
	}
}
