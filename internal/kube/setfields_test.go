package kube_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// fieldsCase is an object, as YAML in one line for each part, from its apply on.
type fieldsCase struct {
	kind    string // with its group and version
	applied string // the body that its manifest has
	answer  string // what the API has made of it; empty: the same
	live    string // what it is now; empty: as it was answered
	// taken are fields that are another one's by now, and by are its name and the subresource.
	taken, by string
	drift     string // fields
}

// TestWhatTheAPIMakesOfAnApplyIsNoDrift has what a real API server, its webhooks and what runs
// in the cluster make of an object after an apply, and what others do.
func TestWhatTheAPIMakesOfAnApplyIsNoDrift(t *testing.T) {
	t.Parallel()
	const (
		deployment = "apps/v1 Deployment"
		secret     = "v1 Secret"
		widget     = "example.com/v1 Widget"
	)
	for name, c := range map[string]fieldsCase{
		"a default": {kind: deployment, applied: `spec: {replicas: 1}`, answer: `spec: {replicas: 1, paused: false}`},
		"a default in a part that was applied empty": {
			kind: widget, applied: `spec: {pods: {}}`, answer: `spec: {pods: {count: 3}}`, live: `spec: {pods: {count: 5}}`,
		},
		"a default of a later version": {
			kind: widget, applied: `spec: {ports: [{port: 80}]}`, live: `spec: {ports: [{port: 80, protocol: TCP}]}`,
		},
		"a part of a list that another one has added": {
			kind: deployment, applied: `spec: {ports: [{port: 80}]}`, live: `spec: {ports: [{port: 80, protocol: UDP}]}`,
			taken: `spec: {ports: []}`, by: "kubectl-edit", drift: ".spec.ports",
		},
		"a webhook that changes what is applied": {
			kind: deployment, applied: `spec: {image: web}`, answer: `spec: {image: mirror/web}`,
		},
		"a webhook that changes what another one writes": {
			kind: deployment, applied: `spec: {image: web}`, live: `spec: {image: mirror/web}`,
		},
		"a quantity in another form": {
			kind: deployment, applied: `spec: {cpu: 1000m, memory: 1024Mi}`, answer: `spec: {cpu: "1", memory: 1Gi}`,
		},
		"a quantity that a later version writes otherwise": {
			kind: deployment, applied: `spec: {cpu: 1000m}`, answer: `spec: {cpu: 1000m}`, live: `spec: {cpu: "1"}`,
		},
		"a status":            {kind: widget, applied: `{spec: {a: 1}, status: {ready: no}}`, live: `{spec: {a: 1}, status: {ready: yes}}`},
		"a status of another": {kind: widget, applied: `status: {a: 1}`, live: `status: {a: 2}`, taken: `status: {a: 1}`, by: "operator"},
		"an autoscaler": {
			kind: deployment, applied: `spec: {replicas: 1}`, live: `spec: {replicas: 4}`,
			taken: `spec: {replicas: 1}`, by: "kube-controller-manager scale",
		},
		"a program that scales by itself": {
			kind: deployment, applied: `spec: {replicas: 2}`, live: `spec: {replicas: 0}`, taken: `spec: {replicas: 2}`, by: "kube-downscaler",
		},
		"a volume that has grown": {
			kind: "v1 PersistentVolume", applied: `spec: {capacity: {storage: 1Gi}}`, live: `spec: {capacity: {storage: 2Gi}}`,
			taken: `spec: {capacity: {storage: ""}}`, by: "csi-resizer",
		},
		"a claim that was enlarged": {
			kind: "v1 PersistentVolumeClaim", applied: `spec: {resources: {requests: {storage: 1Gi}}}`,
			live: `spec: {resources: {requests: {storage: 2Gi}}}`, taken: `spec: {resources: {requests: {storage: ""}}}`, by: "kubectl-edit",
		},
		"people who scale": {
			kind: deployment, applied: `spec: {replicas: 1}`, live: `spec: {replicas: 0}`,
			taken: `spec: {replicas: 1}`, by: "kubectl scale", drift: ".spec.replicas",
		},
		"an autoscaler, and people after it": {
			kind: deployment, applied: `spec: {replicas: 1}`, live: `spec: {replicas: 2}`,
			taken: `spec: {replicas: 1}`, by: "kubectl-edit", drift: ".spec.replicas",
		},
		"text of a Secret": {
			kind: secret, applied: `stringData: {key: text}`, answer: `data: {key: dGV4dA==}`, live: `data: {key: bmV3}`,
		},
		"data of a Secret": {
			kind: secret, applied: `data: {key: dGV4dA==}`, live: `data: {key: bmV3}`,
			taken: `data: {key: ""}`, by: "kubectl-edit", drift: ".data.key",
		},
		"data of a Secret that is gone": {
			kind: secret, applied: `data: {key: dGV4dA==}`, live: `data: {}`, taken: `data: {key: ""}`, by: "kubectl-edit", drift: ".data.key",
		},
		"data that others fill in": {
			kind: secret, applied: `data: {}`, answer: `data: {}`, live: `data: {ca.crt: dGV4dA==}`,
		},
		"a field that a definition has no more": {kind: widget, applied: `spec: {old: 1, new: 2}`, live: `spec: {new: 2}`},
		"a field that a definition has no more, and a change beside": {
			kind: widget, applied: `spec: {old: 1, new: 2}`, live: `spec: {new: 2, more: 3}`,
		},
		"a field that someone has deleted": {
			kind: widget, applied: `spec: {old: 1, new: 2}`, live: `spec: {new: 2}`,
			taken: `spec: {old: 1}`, by: "curl", drift: ".spec.old",
		},
		"a conversion": {kind: widget, applied: `spec: {size: 3}`, live: `spec: {size: "3"}`},
		"a null": {
			kind: widget, applied: `spec: {a: null, b: 1}`, answer: `spec: {b: 1}`,
			live: `spec: {a: 2, b: 1}`,
		},
		"an empty list":                      {kind: widget, applied: `spec: {list: []}`, answer: `spec: {list: []}`},
		"an empty list that is not returned": {kind: widget, applied: `spec: {list: []}`, answer: `spec: {}`},
		"an empty list that someone fills in": {
			kind: widget, applied: `spec: {list: []}`, live: `spec: {list: [1]}`,
			taken: `spec: {list: []}`, by: "curl", drift: ".spec.list",
		},
		"an empty part that makes room for another": {
			kind: deployment, applied: `spec: {emptyDir: {}}`, live: `spec: {hostPath: {path: /}}`,
			taken: `spec: {emptyDir: {}}`, by: "curl", drift: ".spec.emptyDir",
		},
		"what another one has changed and set back": {
			kind: deployment, applied: `spec: {image: web}`, live: `spec: {image: web}`,
			taken: `spec: {image: web}`, by: "kubectl-edit",
		},
		"the authority of a webhook": {
			kind: "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration", applied: `webhooks: {a: {caBundle: Cg==, url: x}}`,
			live: `webhooks: {a: {caBundle: bmV3, url: x}}`, taken: `webhooks: {a: {caBundle: ""}}`, by: "cainjector",
		},
		"what else a webhook has": {
			kind: "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration", applied: `webhooks: {a: {caBundle: Cg==, url: x}}`,
			live: `webhooks: {a: {caBundle: bmV3, url: y}}`, taken: `webhooks: {a: {caBundle: "", url: ""}}`, by: "cainjector",
			drift: ".webhooks.a.url",
		},
		"the authority of another kind": {
			kind: widget, applied: `spec: {caBundle: Cg==}`, live: `spec: {caBundle: bmV3}`,
			taken: `spec: {caBundle: ""}`, by: "cainjector", drift: ".spec.caBundle",
		},
		"rules that Kubernetes gathers": {
			kind: "rbac.authorization.k8s.io/v1 ClusterRole", applied: `{aggregationRule: {a: 1}, rules: []}`,
			live: `{aggregationRule: {a: 1}, rules: [{verbs: [get]}]}`, taken: `rules: []`, by: "clusterrole-aggregation-controller",
		},
		"rules of another role": {
			kind: "rbac.authorization.k8s.io/v1 ClusterRole", applied: `rules: [{verbs: [get]}]`,
			live: `rules: [{verbs: ["*"]}]`, taken: `rules: []`, by: "kubectl-edit", drift: ".rules",
		},
		"an item that another one has added to a list": {
			kind: widget, applied: `spec: {pools: [{range: a}]}`, live: `spec: {pools: [{range: a}, {range: b}]}`,
			taken: `spec: {pools: []}`, by: "operator", drift: ".spec.pools",
		},
		"a list that an operator completes": {
			kind: widget, applied: `spec: {pools: [{range: a, size: 0}]}`, live: `spec: {pools: [{range: a, mode: VXLAN, node: {all: true}}]}`,
			taken: `spec: {pools: []}`, by: "operator",
		},
		"a list in which an operator changes a value": {
			kind: widget, applied: `spec: {pools: [{range: a, mode: x}]}`, live: `spec: {pools: [{range: a, mode: VXLAN}]}`,
			taken: `spec: {pools: []}`, by: "operator", drift: ".spec.pools",
		},
		"what a client leaves out": {
			kind: widget, applied: `spec: {paused: false, count: 0, name: "", none: [], map: {}}`, live: `spec: {}`,
			taken: `spec: {paused: false, count: 0, name: "", none: [], map: {}}`, by: "operator",
		},
		"what a client leaves out of a kind of Kubernetes": {
			kind: deployment, applied: `spec: {privileges: false}`, live: `spec: {}`,
			taken: `spec: {privileges: false}`, by: "kubectl-edit", drift: ".spec.privileges",
		},
		"what is not left out but set": {
			kind: widget, applied: `spec: {paused: false}`, live: `spec: {paused: true}`,
			taken: `spec: {paused: false}`, by: "operator", drift: ".spec.paused",
		},
		"quantities and durations": {
			kind: widget, applied: `spec: {cpu: 1000m, memory: 1024Mi, size: 2048Ki, wait: 60s}`,
			live:  `spec: {cpu: 1, memory: 1Gi, size: 2Mi, wait: 1m0s}`,
			taken: `spec: {cpu: 1, memory: 1, size: 1, wait: 1}`, by: "operator",
		},
		"other quantities and durations": {
			kind: widget, applied: `spec: {cpu: 1000m, version: "1.10", wait: 60s}`, live: `spec: {cpu: 2, version: "1.1", wait: 2m0s}`,
			taken: `spec: {cpu: 1, version: 1, wait: 1}`, by: "operator", drift: ".spec.cpu .spec.version .spec.wait",
		},
		"a placeholder in a Secret": {
			kind: secret, applied: `data: {tls.crt: ""}`, live: `data: {tls.crt: dGV4dA==}`, taken: `data: {tls.crt: ""}`, by: "certgen",
		},
		"a placeholder in a ConfigMap": {
			kind: "v1 ConfigMap", applied: `data: {ca: ""}`, live: `data: {ca: text}`, taken: `data: {ca: ""}`, by: "certgen",
		},
		"a value that someone empties": {
			kind: "v1 ConfigMap", applied: `data: {ca: text}`, live: `data: {ca: ""}`,
			taken: `data: {ca: ""}`, by: "kubectl-edit", drift: ".data.ca",
		},
		"an empty value that is none to fill in": {
			kind: deployment, applied: `spec: {class: ""}`, live: `spec: {class: fast}`, taken: `spec: {class: ""}`, by: "kubectl-edit",
			drift: ".spec.class",
		},
		"annotations of controllers": {
			kind:    deployment,
			applied: `metadata: {annotations: {deployment.kubernetes.io/revision: "1", pv.kubernetes.io/bound-by: x, mine: y}}`,
			live:    `metadata: {annotations: {deployment.kubernetes.io/revision: "2", mine: z}}`,
			taken:   `metadata: {annotations: {deployment.kubernetes.io/revision: "", pv.kubernetes.io/bound-by: "", mine: ""}}`,
			by:      "kube-controller-manager", drift: ".metadata.annotations.mine",
		},
		"pods that someone has made anew": {
			kind:    deployment,
			applied: `spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: "1"}}}}`,
			live:    `spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: "2"}}}}`,
			taken:   `spec: {template: {metadata: {annotations: {kubectl.kubernetes.io/restartedAt: ""}}}}`, by: "kubectl-rollout",
		},
		"a finalizer that is gone": {
			kind: widget, applied: `metadata: {finalizers: [a]}`, live: `metadata: {}`, taken: `metadata: {finalizers: []}`, by: "operator",
		},
		"a volume that is bound": {
			kind: "v1 PersistentVolumeClaim", applied: `spec: {volumeName: a}`, live: `spec: {volumeName: b}`,
			taken: `spec: {volumeName: a}`, by: "kube-controller-manager",
		},
		"what another one applies as its own": {
			kind: deployment, applied: `spec: {image: web}`, live: `spec: {image: theirs}`, taken: `spec: {image: web}`, by: "flux applies",
		},
		"what Gantry does otherwise": {
			kind: deployment, applied: `spec: {image: web}`, live: `spec: {image: theirs}`, taken: `spec: {image: web}`, by: kube.FieldManager,
		},
		"managed fields that someone has deleted": {kind: deployment, applied: `spec: {image: web}`, taken: `spec: {image: web}`, by: "none"},
		"four values": {
			kind: secret, applied: `data: {a: MQ==, b: MQ==, c: MQ==, d: MQ==}`, live: `data: {a: Mg==, b: Mg==, c: Mg==, d: Mg==}`,
			taken: `data: {a: "", b: "", c: "", d: ""}`, by: "kubectl-edit", drift: ".data.a .data.b .data.c",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(c.changed(t), " ")
			if got != c.drift {
				t.Errorf("changed: %q, and not %q", got, c.drift)
			}
		})
	}
}

func (c fieldsCase) changed(t *testing.T) []string {
	t.Helper()
	if c.answer == "" {
		c.answer = c.applied
	}
	if c.live == "" {
		c.live = c.answer
	}
	ours := fieldsOf(t, c.applied)
	applied := c.object(t, c.applied)
	answer := c.object(t, c.answer)
	answer.SetManagedFields(c.managed(t, kube.FieldManager, metav1.ManagedFieldsOperationApply, ours))
	set := kube.SetFields(applied, answer)
	if set == nil {
		t.Fatal("an apply has set nothing")
	}
	raw, err := json.Marshal(set) // as it is stored
	if err != nil {
		t.Fatal(err)
	}
	set = &model.SetFields{}
	if err := json.Unmarshal(raw, set); err != nil {
		t.Fatal(err)
	}

	live := c.object(t, c.live)
	taken := fieldsOf(t, c.taken)
	fields := c.managed(t, kube.FieldManager, metav1.ManagedFieldsOperationApply, ours.Difference(taken))
	operation := metav1.ManagedFieldsOperationUpdate
	by, applies := strings.CutSuffix(c.by, " applies")
	if applies {
		operation = metav1.ManagedFieldsOperationApply
	}
	live.SetManagedFields(append(fields, c.managed(t, by, operation, taken)...))
	if c.by == "none" {
		live.SetManagedFields(nil)
	}
	return kube.Changed(*set, live)
}

func (c fieldsCase) object(t *testing.T, body string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(body), &o.Object); err != nil {
		t.Fatal(err)
	}
	version, kind, _ := strings.Cut(c.kind, " ")
	o.SetAPIVersion(version)
	o.SetKind(kind)
	o.SetName("one")
	return o
}

// fieldsOf are the fields of a text, as the API notes them of a kind whose lists are replaced
// as a whole.
func fieldsOf(t *testing.T, body string) *fieldpath.Set {
	t.Helper()
	value, err := typed.DeducedParseableType.FromYAML(typed.YAMLObject(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		return fieldpath.NewSet()
	}
	set, err := value.ToFieldSet()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func (c fieldsCase) managed(
	t *testing.T, by string, operation metav1.ManagedFieldsOperationType, fields *fieldpath.Set,
) []metav1.ManagedFieldsEntry {
	t.Helper()
	raw, err := fields.ToJSON()
	if err != nil {
		t.Fatal(err)
	}
	manager, subresource, _ := strings.Cut(by, " ")
	version, _, _ := strings.Cut(c.kind, " ")
	return slices.Clip([]metav1.ManagedFieldsEntry{{
		Manager: manager, Operation: operation, Subresource: subresource, APIVersion: version,
		FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(raw)),
	}})
}

// TestHashesOfValuesNeedAKey has the same value be hashed to other texts by another field, object
// or key, so that no one who reads them can try which it is.
func TestHashesOfValuesNeedAKey(t *testing.T) {
	t.Parallel()
	c := fieldsCase{kind: "v1 Secret"}
	hashed := func(name, body string) map[string]any {
		o := c.object(t, body)
		o.SetName(name)
		o.SetManagedFields(c.managed(t, kube.FieldManager, metav1.ManagedFieldsOperationApply, fieldsOf(t, body)))
		return kube.SetFields(o, o).Values
	}
	one, other := hashed("one", `data: {a: cGlu, b: cGlu}`), hashed("other", `data: {a: cGlu}`)
	if one[".data.a"] == nil || one[".data.a"] == one[".data.b"] || one[".data.a"] == other[".data.a"] {
		t.Errorf("hashed %v and %v", one, other)
	}
}
