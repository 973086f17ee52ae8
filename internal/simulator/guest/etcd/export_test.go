package etcd

import "context"

// HasClusterVersion reports whether the member's cluster has decided on its version.
func (m *Member) HasClusterVersion() bool { return m.etcd.Server.ClusterVersion() != nil }

// Lead hands the leadership of this member over to another one.
func (m *Member) Lead(ctx context.Context, next *Member) error {
	_, err := m.client.MoveLeader(ctx, next.ID())
	return err
}
