package kube_test

import "testing"

// TestReleaseAmountsAreCompared takes quantities and durations by what they mean only where there
// are some: what is text is compared as text.
func TestReleaseAmountsAreCompared(t *testing.T) {
	t.Parallel()
	const (
		deployment = "apps/v1 Deployment"
		config     = "v1 ConfigMap"
		data       = `f:data: {f:a: {}}`
		env        = `f:spec: {f:env: {'k:{"name":"A"}': {f:value: {}}}}`
	)
	for name, c := range map[string]releaseCase{
		"a text that could be a quantity": {
			kind: config, wanted: `data: {a: 1000m}`, live: `data: {a: "1"}`, other: data, by: "kubectl-edit", want: ".data.a",
		},
		"a text that could be a duration": {
			kind: config, wanted: `data: {a: 60m}`, live: `data: {a: 1h}`, other: data, by: "kubectl-edit", want: ".data.a",
		},
		"a text with a power": {
			kind: config, wanted: `data: {a: 1E2}`, live: `data: {a: "100"}`, other: data, by: "kubectl-edit", want: ".data.a",
		},
		"a text of the name of an amount": {
			kind: config, wanted: `data: {storage: 1024Mi}`, live: `data: {storage: 1Gi}`, other: `f:data: {f:storage: {}}`,
			by: "kubectl-edit", want: ".data.storage",
		},
		"a variable": {
			kind: deployment, wanted: `spec: {env: [{name: A, value: 2k}]}`, live: `spec: {env: [{name: A, value: "2000"}]}`,
			helm: `f:spec: {f:env: {'k:{"name":"A"}': {.: {}, f:name: {}}}}`, other: env, by: "kubectl-edit", want: `.spec.env[name="A"].value`,
		},
		"arguments": {
			kind: deployment, wanted: `spec: {args: [1024Mi]}`, live: `spec: {args: [1Gi]}`, other: `f:spec: {f:args: {}}`,
			by: "kubectl-edit", want: ".spec.args",
		},
		"limits": {
			kind: deployment, wanted: `spec: {resources: {limits: {cpu: 1000m, memory: 1024Mi, "example.com/gpu": 2}, requests: {cpu: 0.5}}}`,
			live:  `spec: {resources: {limits: {cpu: "1", memory: 1Gi, "example.com/gpu": "2"}, requests: {cpu: 500m}}}`,
			other: `f:spec: {f:resources: {f:limits: {f:cpu: {}, f:memory: {}, "f:example.com/gpu": {}}, f:requests: {f:cpu: {}}}}`,
			by:    "kubectl-edit",
		},
		"requests in a list that is replaced as a whole": {
			kind: "apps/v1 StatefulSet", wanted: `spec: {claims: [{spec: {resources: {requests: {storage: 1024Mi}}}}]}`,
			live: `spec: {claims: [{spec: {resources: {requests: {storage: 1Gi}}}}]}`, other: `f:spec: {f:claims: {}}`, by: "kubectl-edit",
		},
		"a quota": {
			kind: "v1 ResourceQuota", wanted: `spec: {hard: {limits.memory: 1024Mi}}`, live: `spec: {hard: {limits.memory: 1Gi}}`,
			other: `f:spec: {f:hard: {f:limits.memory: {}}}`, by: "kubectl-edit",
		},
		"a custom resource": {
			kind: "example.com/v1 Widget", wanted: `spec: {size: 1000m, wait: 60m, of: {a: 1024Mi}}`,
			live:  `spec: {size: "1", wait: 1h0m0s, of: {a: 1Gi}}`,
			other: `f:spec: {f:size: {}, f:wait: {}, f:of: {f:a: {}}}`, by: "operator",
		},
		"a reference that an operator completes": {
			kind: "example.com/v1 Widget", wanted: `spec: {selector: {name: x}}`, live: `spec: {selector: {name: x, kind: Y}}`,
			other: `f:spec: {f:selector: {}}`, by: "operator",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.expect(t)
		})
	}
}
