package kube_test

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// TestWhatIsNothingIsNoDrift has values that are zero or empty go: whoever writes an object by types
// of Go leaves them out, and the API takes them from Helm as it would what someone takes out.
func TestWhatIsNothingIsNoDrift(t *testing.T) {
	t.Parallel()
	const (
		deployment = "apps/v1 Deployment"
		widget     = "example.com/v1 Widget"
		size       = `f:spec: {f:size: {}}`
	)
	for name, c := range map[string]releaseCase{
		"a text": {kind: widget, wanted: `spec: {provider: "", size: 1}`, live: `spec: {size: 1}`, helm: size},
		"a no":   {kind: widget, wanted: `spec: {wait: false, size: 1}`, live: `spec: {size: 1}`, helm: size},
		"a zero": {kind: widget, wanted: `spec: {count: 0, size: 1}`, live: `spec: {size: 1}`, helm: size},
		"a zero of a built-in kind": {
			kind: deployment, wanted: `spec: {paused: false, template: {spec: {hostNetwork: false}}}`, live: `spec: {size: 1, template: {spec: {}}}`,
			helm: size,
		},
		"a variable without a value": {
			kind: deployment, wanted: `spec: {env: [{name: A, value: ""}]}`, live: `spec: {env: [{name: A}]}`,
			helm: `f:spec: {f:env: {'k:{"name":"A"}': {.: {}, f:name: {}}}}`,
		},
		"a mapping of nothing": {
			kind: widget, wanted: `spec: {size: 1, resources: {limits: {}, requests: {}}}`, live: `spec: {size: 1}`, helm: size,
		},
		"a mapping of zeros": {
			kind: widget, wanted: `spec: {size: 1, a: {b: {c: 0, d: false}, e: [""]}}`, live: `spec: {size: 1}`, helm: size,
		},
		"a list of nothing": {
			kind: widget, wanted: `spec: {size: 1, a: [{b: ""}, {}]}`, live: `spec: {size: 1}`, helm: size,
		},
		"nothing within what is replaced as a whole": {
			kind: widget, wanted: `spec: {a: [{b: x, c: {d: {}, e: ""}}]}`, live: `spec: {a: [{b: x}]}`, other: `f:spec: {f:a: {}}`, by: "operator",
		},
		"what is not nothing": {
			kind: widget, wanted: `spec: {size: 1, a: {b: 0, c: 2}, d: true}`, live: `spec: {size: 1}`, helm: size, want: ".spec.a .spec.d",
		},
		"a zero that became something": {
			kind: deployment, wanted: `spec: {paused: false}`, live: `spec: {paused: true}`,
			other: `f:spec: {f:paused: {}}`, by: "kubectl-edit", want: ".spec.paused",
		},
		"an empty text that a program has filled in": {
			kind: "v1 Service", wanted: `spec: {loadBalancerIP: ""}`, live: `spec: {loadBalancerIP: 192.0.2.1}`,
			other: `f:spec: {f:loadBalancerIP: {}}`, by: "metallb",
		},
		"a certificate that a program has made anew": {
			kind: "v1 Secret", wanted: `data: {tls.crt: YQ==}`, live: `data: {tls.crt: Yg==}`,
			other: `f:data: {f:tls.crt: {}}`, by: "cert-controller",
		},
		"a Service that a program turns to a canary": {
			kind: "v1 Service", wanted: `spec: {selector: {app: x}}`, live: `spec: {selector: {app: x, rollouts-pod-template-hash: abc}}`,
			other: `f:spec: {f:selector: {}}`, by: "rollouts-controller",
		},
		"one that a person has turned": {
			kind: "v1 Service", wanted: `spec: {selector: {app: x}}`, live: `spec: {selector: {app: x, more: abc}}`,
			other: `f:spec: {f:selector: {}}`, by: "kubectl-edit", want: ".spec.selector",
		},
		"weights that a program sets": {
			kind: "networking.istio.io/v1 VirtualService", wanted: `spec: {http: [{weight: 100}]}`, live: `spec: {http: [{weight: 5}]}`,
			other: `f:spec: {f:http: {}}`, by: "rollouts-controller",
		},
		"one that people have": {
			kind: "v1 Service", wanted: `spec: {loadBalancerIP: ""}`, live: `spec: {loadBalancerIP: 192.0.2.1}`,
			other: `f:spec: {f:loadBalancerIP: {}}`, by: "kubectl-edit", want: ".spec.loadBalancerIP",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.expect(t)
		})
	}
}

// TestOperatorsWriteWhatTheyRead has an operator update objects of a release through types that
// leave out what is nothing, and a user change a field and set it back.
func TestOperatorsWriteWhatTheyRead(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.release(t, shopChart, true)
	at := c.others(t).Resource(kubeapi.Deployments.WithVersion("v1")).Namespace("default")
	live, err := at.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	unstructured.RemoveNestedField(live.Object, "spec", "template", "spec", "hostNetwork")
	live.SetFinalizers([]string{"example.com/operator"})
	if _, err := at.Update(t.Context(), live, metav1.UpdateOptions{FieldManager: "operator"}); err != nil {
		t.Fatal(err)
	}
	if said := c.released(t); len(said) > 0 {
		t.Errorf("it says %q", said)
	}
	for _, value := range []any{true, nil} { // a real API stores no zero of it
		patch, _ := json.Marshal(map[string]any{
			"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"hostNetwork": value}}},
		})
		options := metav1.PatchOptions{FieldManager: "kubectl-edit"}
		if _, err := at.Patch(t.Context(), "web", types.MergePatchType, patch, options); err != nil {
			t.Fatal(err)
		}
	}
	if said := c.released(t); len(said) > 0 {
		t.Errorf("after it was set back, it says %q", said)
	}
}
