// Package guest plays the machines of the simulated datacenter. A VM that is
// powered on with guestinfo boots: cloud-init reads what the engine rendered,
// kubeadm starts a cluster or joins one, and a Kubernetes API answers on the
// node's address and on the control plane's VIP, inside a simulated network
// that an HTTP CONNECT proxy on loopback leads into.
//
// Every step refuses what the real tool would refuse. What the real tools
// accept and silently get wrong (a misspelt key, a static pod that never
// starts) is refused as well: to its renderer, it is the same mistake.
package guest
