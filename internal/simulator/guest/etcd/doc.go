// Package etcd runs the members of a simulated cluster's etcd: the real server, in
// process, one a control-plane machine, with the certificates that kubeadm gives it.
//
// A member's peers reach it at a loopback address that stands for the machine's, so
// that a machine that takes over the address of another one is the same peer to them,
// as in a real cluster. What it advertises to clients is the machine's own address;
// they come through the port-forward of the simulated API.
package etcd
