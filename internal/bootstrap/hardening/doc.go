// Package hardening states the CIS Kubernetes Benchmark for clusters of Gantry: of each of
// its checks of files, flags and settings what holds by default, or why it does not. Tests
// assert the table on what is rendered and on running nodes, and the guide shows it.
package hardening

// Benchmark is what the table is of: the newest version that kube-bench has a configuration
// of kubeadm for.
const Benchmark = "1.12"
