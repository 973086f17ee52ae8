package kubeversion

import (
	"cmp"
	"strings"
)

// release is what kubeadm of a minor release installs beside Kubernetes itself:
// CoreDNSVersion, DefaultEtcdVersion and PauseVersion of
// cmd/kubeadm/app/constants/constants.go in each of its patches.
type release struct {
	last  int // the newest patch that was looked at
	pause string
	from  []components // in the order of their patches; the first one has patch 0
}

// components are those that differ between patches, from one patch on.
type components struct {
	patch         int
	coreDNS, etcd string
}

var releases = map[int]release{
	31: {14, "3.10", []components{{0, "1.11.1", "3.5.15-0"}, {1, "1.11.3", "3.5.15-0"}, {14, "1.11.3", "3.5.24-0"}}},
	32: {13, "3.10", []components{{0, "1.11.3", "3.5.16-0"}, {10, "1.11.3", "3.5.24-0"}}},
	33: {13, "3.10", []components{{0, "1.12.0", "3.5.21-0"}, {6, "1.12.0", "3.5.24-0"}}},
	34: {12, "3.10.1", []components{{0, "1.12.1", "3.6.4-0"}, {2, "1.12.1", "3.6.5-0"}}},
	35: {8, "3.10.1", []components{{0, "1.13.1", "3.6.6-0"}}},
	36: {5, "3.10.2", []components{{0, "1.14.2", "3.6.8-0"}}},
	37: {2, "3.10.2", []components{{0, "1.14.6", "3.7.0-0"}}},
}

// newestMinor is the last of the table.
const newestMinor = 37

// components are those of a version, and of a patch that is newer than this table those of the
// newest one that is known.
func (v Version) components() components {
	var of components
	for _, c := range releases[v.Minor].from {
		if c.patch <= v.Patch {
			of = c
		}
	}
	return of
}

// CoreDNS is the version of CoreDNS that belongs to a version of Kubernetes, without a
// leading v; empty for a minor release that is newer than this table.
func (v Version) CoreDNS() string { return v.components().coreDNS }

// Etcd is the minor release of etcd that belongs to a version of Kubernetes; empty for
// one that is newer than this table.
func (v Version) Etcd() string {
	tag := v.components().etcd
	return tag[:max(0, strings.LastIndex(tag, "."))]
}

// EtcdTag is the tag of etcd's image, and empty for a patch that is newer than this table:
// patches have changed it.
func (v Version) EtcdTag() string {
	if v.Patch > releases[v.Minor].last {
		return ""
	}
	return v.components().etcd
}

// Pause is the version of the image that pods are run in; that of the newest release for one that
// is newer than this table, whose nodes run with it, too.
func (v Version) Pause() string {
	return cmp.Or(releases[v.Minor].pause, releases[newestMinor].pause)
}

// MaxKubeletSkew is by how many minor releases kubelet may be older than the API server
// (https://kubernetes.io/releases/version-skew-policy/).
const MaxKubeletSkew = 3
