// Package agent is what a gateway runs: a pod network and the agent that
// registers with the console, as Kubernetes manifests. It does no I/O.
package agent
