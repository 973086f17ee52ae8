package etcd

// HasClusterVersion reports whether the member's cluster has decided on its version.
func (m *Member) HasClusterVersion() bool { return m.etcd.Server.ClusterVersion() != nil }
