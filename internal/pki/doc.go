// Package pki makes what a cluster's trust is built from: its certificate
// authorities, the kubeconfigs signed by them, bootstrap tokens, and the
// encrypted copy of the authorities that joining control-plane nodes fetch.
//
// The package does no I/O. Time and randomness come in as values; note that
// the standard library draws private keys from its own secure source whatever
// reader it is given.
package pki
