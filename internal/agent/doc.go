// Package agent renders the workloads of a gateway: a pod network and the agent that
// registers with the console, as Kubernetes manifests. It does no I/O.
package agent
