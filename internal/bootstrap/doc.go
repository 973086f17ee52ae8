// Package bootstrap renders what turns a clone of a node image into a member of
// a cluster: the cloud-init metadata and user data that travel in a virtual
// machine's guestinfo, and in them the network, kubeadm and kube-vip documents.
//
// Everything here is a pure function of a Node: the same node renders to the
// same bytes.
package bootstrap
