package kube_test

import "testing"

// TestWhoAnswersForAWebhookSetsIt leaves what is of the same program as the authority of a webhook
// or of a conversion: it takes a webhook into use once it can answer.
func TestWhoAnswersForAWebhookSetsIt(t *testing.T) {
	t.Parallel()
	const (
		webhook    = "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration"
		definition = "apiextensions.k8s.io/v1 CustomResourceDefinition"
		helm       = `f:webhooks: {'k:{"name":"a"}': {.: {}, f:name: {}, f:clientConfig: {}}}`
	)
	for name, c := range map[string]releaseCase{
		"failures": {
			kind: webhook, wanted: `webhooks: [{name: a, failurePolicy: Ignore}]`, live: `webhooks: [{name: a, failurePolicy: Fail}]`,
			helm:  helm,
			other: `f:webhooks: {'k:{"name":"a"}': {f:failurePolicy: {}, f:clientConfig: {f:caBundle: {}}}}`, by: "pilot-discovery",
		},
		"a conversion": {
			kind: definition, wanted: `spec: {conversion: {strategy: None}}`, live: `spec: {conversion: {strategy: Webhook}}`,
			other: `f:spec: {f:conversion: {f:strategy: {}, f:webhook: {f:clientConfig: {f:caBundle: {}}}}}`, by: "manager",
		},
		"of another than who has set the authority": {
			kind: webhook, wanted: `webhooks: [{name: a, failurePolicy: Ignore}]`, live: `webhooks: [{name: a, failurePolicy: Fail}]`,
			helm:  `f:webhooks: {'k:{"name":"a"}': {.: {}, f:name: {}, f:clientConfig: {f:caBundle: {}}}}`,
			other: `f:webhooks: {'k:{"name":"a"}': {f:failurePolicy: {}}}`, by: "kubectl-edit", want: `.webhooks[name="a"].failurePolicy`,
		},
		"of another kind": {
			kind: "example.com/v1 Widget", wanted: `spec: {a: 1}`, live: `spec: {a: 2}`,
			other: `f:spec: {f:a: {}, f:caBundle: {}}`, by: "kubectl-edit", want: `.spec.a`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.expect(t)
		})
	}
}
