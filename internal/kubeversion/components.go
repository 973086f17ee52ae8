package kubeversion

// components are what kubeadm of a minor release installs beside Kubernetes itself:
// CoreDNSVersion, DefaultEtcdVersion and PauseVersion of
// cmd/kubeadm/app/constants/constants.go in the first patch of the release. Later patches had the
// same CoreDNS, but for 1.31, the same pause, and newer patches of the same etcd.
var components = map[int]struct{ coreDNS, etcd, pause string }{
	31: {"1.11.1", "3.5", "3.10"},
	32: {"1.11.3", "3.5", "3.10"},
	33: {"1.12.0", "3.5", "3.10"},
	34: {"1.12.1", "3.6", "3.10.1"},
	35: {"1.13.1", "3.6", "3.10.1"},
	36: {"1.14.2", "3.6", "3.10.2"},
	37: {"1.14.6", "3.7", "3.10.2"},
}

// newestMinor is the last of the table.
const newestMinor = 37

// CoreDNS is the version of CoreDNS that belongs to a version of Kubernetes, without a
// leading v; empty for one that is newer than this table.
func (v Version) CoreDNS() string { return components[v.Minor].coreDNS }

// Etcd is the minor release of etcd that belongs to a version of Kubernetes; empty for
// one that is newer than this table.
func (v Version) Etcd() string { return components[v.Minor].etcd }

// Pause is the version of the image that pods are run in; that of the newest release for one that
// is newer than this table, whose nodes run with it, too.
func (v Version) Pause() string {
	if of, ok := components[v.Minor]; ok {
		return of.pause
	}
	return components[newestMinor].pause
}

// MaxKubeletSkew is by how many minor releases kubelet may be older than the API server
// (https://kubernetes.io/releases/version-skew-policy/).
const MaxKubeletSkew = 3
