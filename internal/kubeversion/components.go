package kubeversion

// components are what kubeadm of a minor release installs beside Kubernetes itself:
// CoreDNSVersion and DefaultEtcdVersion of cmd/kubeadm/app/constants/constants.go in the
// first patch of the release. Later patches had the same CoreDNS, but for 1.31, and newer
// patches of the same etcd.
var components = map[int]struct{ coreDNS, etcd string }{
	31: {"1.11.1", "3.5"},
	32: {"1.11.3", "3.5"},
	33: {"1.12.0", "3.5"},
	34: {"1.12.1", "3.6"},
	35: {"1.13.1", "3.6"},
	36: {"1.14.2", "3.6"},
	37: {"1.14.6", "3.7"},
}

// CoreDNS is the version of CoreDNS that belongs to a version of Kubernetes, without a
// leading v; empty for one that is newer than this table.
func (v Version) CoreDNS() string { return components[v.Minor].coreDNS }

// Etcd is the minor release of etcd that belongs to a version of Kubernetes; empty for
// one that is newer than this table.
func (v Version) Etcd() string { return components[v.Minor].etcd }

// MaxKubeletSkew is by how many minor releases kubelet may be older than the API server
// (https://kubernetes.io/releases/version-skew-policy/).
const MaxKubeletSkew = 3
