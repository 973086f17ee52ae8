package kube_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// releaseCase is an object of a release, as YAML in one line for each part.
type releaseCase struct {
	kind   string // with its group and version
	wanted string // the body that the manifest has
	live   string // the body that the object has
	helm   string // the fields that are Helm's, as the API notes them; empty: it notes none of it
	other  string // those of another manager, which by names, with its subresource
	by     string
	want   string
}

// TestWhatOthersOwnOfARelease has what the API, its webhooks and what runs in a cluster make of
// objects of a release.
func TestWhatOthersOwnOfARelease(t *testing.T) {
	t.Parallel()
	const (
		deployment = "apps/v1 Deployment"
		webhook    = "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration"
		widget     = "example.com/v1 Widget"
	)
	for name, c := range map[string]releaseCase{
		"a webhook has rewritten it": {
			kind: deployment, wanted: `spec: {image: web}`, live: `spec: {image: mirror/web}`, helm: `f:spec: {f:image: {}}`,
		},
		"another notation": {
			kind: widget, wanted: `spec: {size: 1000m, wait: 60m}`, live: `spec: {size: "1", wait: 1h0m0s}`,
			other: `f:spec: {f:size: {}, f:wait: {}}`, by: "operator",
		},
		"whole numbers": {kind: widget, wanted: `spec: {n: 1, m: 2.0}`, live: `spec: {n: 1.0, m: 2}`},
		"nothing, and what is empty": {
			kind: widget, wanted: `spec: {a: {}, b: [], c: null}`, live: `spec: {a: {x: 1}, b: [1], c: 1}`, helm: `f:spec: {f:d: {}}`,
		},
		"an autoscaler": {
			kind: deployment, wanted: `spec: {replicas: 1}`, live: `spec: {replicas: 5}`, helm: `f:spec: {f:paused: {}}`,
			other: `f:spec: {f:replicas: {}}`, by: "kube-controller-manager scale",
		},
		"a program that scales": {
			kind: deployment, wanted: `spec: {replicas: 1}`, live: `spec: {replicas: 0}`, helm: `f:spec: {f:paused: {}}`,
			other: `f:spec: {f:replicas: {}}`, by: "kube-downscaler",
		},
		"people who scale": {
			kind: deployment, wanted: `spec: {replicas: 1}`, live: `spec: {replicas: 5}`, helm: `f:spec: {f:paused: {}}`,
			other: `f:spec: {f:replicas: {}}`, by: "kubectl scale", want: ".spec.replicas",
		},
		"an authority that was put in": {
			kind: webhook, wanted: `webhooks: [{name: a, clientConfig: {caBundle: ""}}]`,
			live:  `webhooks: [{name: a, clientConfig: {caBundle: eA==}}]`,
			helm:  `f:webhooks: {'k:{"name":"a"}': {.: {}, f:name: {}, f:clientConfig: {}}}`,
			other: `f:webhooks: {'k:{"name":"a"}': {f:clientConfig: {f:caBundle: {}}}}`, by: "cainjector",
		},
		"a rule of a webhook": {
			kind: webhook, wanted: `webhooks: [{name: a, failurePolicy: Fail}]`, live: `webhooks: [{name: a, failurePolicy: Ignore}]`,
			helm:  `f:webhooks: {'k:{"name":"a"}': {.: {}, f:name: {}}}`,
			other: `f:webhooks: {'k:{"name":"a"}': {f:failurePolicy: {}}}`, by: "kubectl-edit", want: `.webhooks[name="a"].failurePolicy`,
		},
		"roles that Kubernetes gathers": {
			kind: "rbac.authorization.k8s.io/v1 ClusterRole", wanted: `{aggregationRule: {x: 1}, rules: []}`,
			live: `{aggregationRule: {x: 1}, rules: [{verbs: [get]}]}`, other: `f:rules: {}`, by: "clusterrole-aggregation-controller",
		},
		"the size of a claim": {
			kind: "v1 PersistentVolumeClaim", wanted: `spec: {resources: {requests: {storage: 1Gi}}}`,
			live:  `spec: {resources: {requests: {storage: 2Gi}}}`,
			other: `f:spec: {f:resources: {f:requests: {f:storage: {}}}}`, by: "kubectl-edit",
		},
		"a status": {kind: widget, wanted: `status: {a: 1}`, live: `status: {a: 2}`, other: `f:status: {f:a: {}}`, by: "operator"},
		"what Gantry itself has changed": {
			kind: deployment, wanted: `spec: {paused: true}`, live: `spec: {paused: false}`, other: `f:spec: {f:paused: {}}`, by: "gantry",
		},
		"what the API does not return": {
			kind: widget, wanted: `spec: {old: {a: 1}}`, live: `spec: {}`, helm: `f:spec: {f:old: {f:a: {}}}`,
		},
		"what is the same by being left out": {
			kind: deployment, wanted: `spec: {hostNetwork: false}`, live: `spec: {}`,
		},
		"no owner is noted": {
			kind: deployment, wanted: `spec: {a: 1, b: [{x: 1}]}`, live: `spec: {a: 2, b: [{x: 1, y: 2}]}`, want: ".spec.a",
		},
		"a list that is a set": {
			kind: widget, wanted: `spec: {set: [a, b]}`, live: `spec: {set: [c, b]}`, helm: `f:spec: {f:set: {'v:"b"': {}}}`,
			other: `f:spec: {f:set: {'v:"c"': {}}}`, by: "kubectl-edit", want: ".spec.set",
		},
		"a part that was replaced by a text": {
			kind: widget, wanted: `spec: {part: {a: 1}}`, live: `spec: {part: text}`, helm: `f:spec: {f:other: {}}`,
			other: `f:spec: {f:part: {}}`, by: "kubectl-edit", want: ".spec.part",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.expect(t)
		})
	}
}

// expect fails unless these fields of the object count as changed.
func (c releaseCase) expect(t *testing.T) {
	t.Helper()
	wanted, live := c.object(t, c.wanted), c.object(t, c.live)
	var entries []any
	entry := func(manager, operation, subresource, fields string) {
		if fields == "" {
			return
		}
		entries = append(entries, map[string]any{
			"manager": manager, "operation": operation, "subresource": subresource, "apiVersion": live.GetAPIVersion(),
			"fieldsType": "FieldsV1", "fieldsV1": fromYAML(t, fields),
		})
	}
	manager, subresource, _ := strings.Cut(c.by, " ")
	entry("helm", "Apply", "", c.helm)
	entry(manager, "Update", subresource, c.other)
	_ = unstructured.SetNestedSlice(live.Object, entries, "metadata", "managedFields")
	if got := strings.Join(kube.ReleaseChanged(wanted, live), " "); got != c.want {
		t.Errorf("changed: %q, and not %q", got, c.want)
	}
}

func (c releaseCase) object(t *testing.T, body string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{Object: fromYAML(t, body)}
	version, kind, _ := strings.Cut(c.kind, " ")
	o.SetAPIVersion(version)
	o.SetKind(kind)
	o.SetName("one")
	return o
}

func fromYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON([]byte(`{"apiVersion": "v1", "kind": "X", "at": ` + string(asJSON) + "}")); err != nil {
		t.Fatal(err)
	}
	at, _ := o.Object["at"].(map[string]any)
	return at
}
