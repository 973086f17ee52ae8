// Package guestos is the inside of a machine that is made of Linux namespaces:
// its first process, the distribution that it boots and the stand-ins for the
// few programs of it that would reach beyond the machine or that need systemd.
//
// What boots is real: cloud-init, containerd, runc, kubelet, kubeadm. Where the
// machine differs from a whole one, the difference is an Exception in one table.
package guestos
