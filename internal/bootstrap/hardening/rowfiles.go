package hardening

import (
	"fmt"
	"io/fs"
	"strings"
)

const (
	pki       = "/etc/kubernetes/pki"
	manifests = "/etc/kubernetes/manifests"
	cniConfig = "/etc/cni/net.d"
)

func manual(r Row) Row { r.Automated = false; return r }

// modeRow is about the permissions of files, ownerRow about their owner.
func modeRow(id string, by By, about subject, mode fs.FileMode, patterns ...string) Row {
	return Row{
		ID: id, Automated: true, By: by, about: about, check: atMost(mode, patterns...),
		Holds: fmt.Sprintf("%s: mode %04o or less", code(patterns...), mode),
	}
}

func ownerRow(id string, by By, about subject, patterns ...string) Row {
	return Row{
		ID: id, Automated: true, By: by, about: about, check: ownedBy(root, patterns...),
		Holds: code(patterns...) + ": owned by " + root,
	}
}

// code writes names as code.
func code(names ...string) string { return "`" + strings.Join(names, "`, `") + "`" }

func controlPlaneFileRows() []Row {
	const where = controlPlaneFiles
	var rows []Row
	pair := func(mode, owner, path string) {
		rows = append(rows, modeRow(mode, Kubeadm, where, 0o600, path), ownerRow(owner, Kubeadm, where, path))
	}
	pair("1.1.1", "1.1.2", manifests+"/kube-apiserver.yaml")
	pair("1.1.3", "1.1.4", manifests+"/kube-controller-manager.yaml")
	pair("1.1.5", "1.1.6", manifests+"/kube-scheduler.yaml")
	pair("1.1.7", "1.1.8", manifests+"/etcd.yaml")
	rows = append(rows, cniRows()...)
	rows = append(rows, modeRow("1.1.11", Kubeadm, where, 0o700, "/var/lib/etcd"), etcdOwner())
	rows = append(rows,
		modeRow("1.1.13", Kubeadm, where, 0o600, "/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"),
		ownerRow("1.1.14", Kubeadm, where, "/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"))
	pair("1.1.15", "1.1.16", "/etc/kubernetes/scheduler.conf")
	pair("1.1.17", "1.1.18", "/etc/kubernetes/controller-manager.conf")
	return append(rows,
		ownerRow("1.1.19", Gantry, where, pki, pki+"/*", pki+"/etcd/*"),
		manual(modeRow("1.1.20", Gantry, where, 0o644, pki+"/*.crt", pki+"/etcd/*.crt")),
		manual(modeRow("1.1.21", Gantry, where, 0o600, pki+"/*.key", pki+"/etcd/*.key")))
}

// cniRows are about files that the pods of the network write.
func cniRows() []Row {
	// Links, locks and what another CNI puts there are in the directory as well.
	patterns := []string{cniConfig + "/*", "/var/lib/cni/networks/*/*"}
	return []Row{
		{
			ID: "1.1.9", By: Gantry, about: nodeFiles,
			Holds: code(cniConfig) + ": mode 0700 or less, so that root alone reads what is in it",
			Exception: "The files in it are written by the CNI that you choose, in the mode that it chooses. Some write 0600, and Flannel, " +
				"which the examples use, 0644.",
			check:   atMost(0o600, patterns...),
			instead: atMost(0o700, cniConfig),
		},
		{
			ID: "1.1.10", By: Gantry, about: nodeFiles, Holds: code(cniConfig, cniConfig+"/*") + ": owned by " + root,
			check: ownedBy(root, append(patterns, cniConfig)...),
		},
	}
}

func etcdOwner() Row {
	return Row{
		ID: "1.1.12", Automated: true, By: Kubeadm, about: controlPlaneFiles,
		Holds: code("/var/lib/etcd") + ": owned by " + root,
		Exception: "kubeadm runs etcd as root in its container, and there is no user etcd on the node. The directory is open to its owner " +
			"alone (1.1.11).",
		check:   ownedBy("etcd:etcd", "/var/lib/etcd"),
		instead: ownedBy(root, "/var/lib/etcd"),
	}
}

// kubeletUnits are where packages and administrators put the unit of kubelet.
func kubeletUnits() []string {
	var patterns []string
	for _, directory := range []string{"/etc/systemd/system", "/usr/lib/systemd/system"} {
		patterns = append(patterns, directory+"/kubelet.service", directory+"/kubelet.service.d/*.conf")
	}
	return patterns
}

func nodeFileRows() []Row {
	const where = nodeFiles
	noProxy := func(id string) Row {
		return Row{
			ID: id, By: Kubeadm, about: where, Holds: "kube-proxy is a pod with a service account, and no node has a kubeconfig of it",
			check: absent("/etc/kubernetes/proxy.kubeconfig"),
		}
	}
	return []Row{
		modeRow("4.1.1", Gantry, where, 0o600, kubeletUnits()...),
		ownerRow("4.1.2", Kubernetes, where, kubeletUnits()...),
		noProxy("4.1.3"),
		noProxy("4.1.4"),
		modeRow("4.1.5", Kubeadm, where, 0o600, "/etc/kubernetes/kubelet.conf"),
		ownerRow("4.1.6", Kubeadm, where, "/etc/kubernetes/kubelet.conf"),
		manual(modeRow("4.1.7", Kubeadm, where, 0o644, pki+"/ca.crt")),
		manual(ownerRow("4.1.8", Kubeadm, where, pki+"/ca.crt")),
		modeRow("4.1.9", Gantry, where, 0o600, "/var/lib/kubelet/config.yaml"),
		ownerRow("4.1.10", Kubeadm, where, "/var/lib/kubelet/config.yaml"),
	}
}
