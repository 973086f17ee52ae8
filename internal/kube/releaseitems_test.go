package kube_test

import "testing"

// TestItemsAreFoundByTheirKeys takes no item of a list for another one, also where the manifest
// leaves out a part of its key that has a default.
func TestItemsAreFoundByTheirKeys(t *testing.T) {
	t.Parallel()
	const (
		service = "v1 Service"
		wanted  = `spec: {ports: [{name: dns-tcp, port: 53}, {name: dns, port: 53, protocol: UDP}]}`
		tcp     = `'k:{"port":53,"protocol":"TCP"}': {.: {}, f:name: {}, f:port: {}}`
		udp     = `'k:{"port":53,"protocol":"UDP"}': {.: {}, f:name: {}, f:port: {}, f:protocol: {}}`
	)
	for name, c := range map[string]releaseCase{
		"both": {
			kind: service, wanted: wanted, helm: `f:spec: {f:ports: {` + tcp + `, ` + udp + `}}`,
			live: `spec: {ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]}`,
		},
		"the one with the default went": {
			kind: service, wanted: wanted, helm: `f:spec: {f:ports: {` + udp + `}}`,
			live: `spec: {ports: [{name: dns, port: 53, protocol: UDP}]}`, want: `.spec.ports[port=53]`,
		},
		"the other went": {
			kind: service, wanted: wanted, helm: `f:spec: {f:ports: {` + tcp + `}}`,
			live: `spec: {ports: [{name: dns-tcp, port: 53, protocol: TCP}]}`, want: `.spec.ports[port=53,protocol="UDP"]`,
		},
		"the same twice": {
			kind: service, wanted: `spec: {ports: [{port: 53}, {port: 53, protocol: TCP}]}`, helm: `f:spec: {f:ports: {` + tcp + `}}`,
			live: `spec: {ports: [{port: 53, protocol: TCP}]}`,
		},
		"another default": {
			kind: "example.com/v1 Widget", wanted: `spec: {ports: [{port: 53}]}`, helm: `f:spec: {f:ports: {` + udp + `}}`,
			live: `spec: {ports: [{port: 53, protocol: UDP}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.expect(t)
		})
	}
}
