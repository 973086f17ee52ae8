package etcd

import (
	"context"
	"slices"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
)

// strictly refuses what etcd's strict-reconfig-check refuses: a change of the members
// that would, or might, cost the quorum.
func (m *Member) strictly(
	ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (response any, err error) {
	// Between its removal and its end a member panics over most requests, and its process
	// ends. Here the process is not its own.
	defer func() {
		if recover() != nil {
			err = rpctypes.ErrGRPCStopped
		}
	}()
	switch r := request.(type) {
	case *etcdserverpb.MemberAddRequest:
		if err := m.mayAdd(); err != nil {
			return nil, err
		}
	case *etcdserverpb.MemberRemoveRequest:
		if err := m.mayRemove(r.ID); err != nil {
			return nil, err
		}
	}
	response, err = handler(ctx, request)
	m.announces(response)
	return response, err
}

// mayAdd is etcd's mayAddMember: every member that votes has to be there.
func (m *Member) mayAdd() error {
	voters := m.Voters()
	if m.disk.cluster.connected(voters) < len(voters) {
		return rpctypes.ErrGRPCUnhealthy
	}
	return nil
}

// mayRemove is etcd's mayRemoveMember: a learner and a member that is down may go, any
// other one if a quorum of the rest is there.
func (m *Member) mayRemove(id uint64) error {
	voters := m.Voters()
	if !slices.Contains(voters, id) {
		return nil
	}
	if started := m.started(voters, id); started < 1+(len(voters)-1)/2 {
		return rpctypes.ErrGRPCMemberNotEnoughStarted
	}
	if _, alive := m.disk.cluster.member(id); !alive {
		return nil
	}
	active := m.disk.cluster.connected(voters)
	if active-1 < 1+(len(voters)-1)/2 {
		return rpctypes.ErrGRPCUnhealthy
	}
	return nil
}

// started returns how many of the members but one have ever run.
func (m *Member) started(voters []uint64, but uint64) int {
	n := 0
	for _, member := range m.etcd.Server.Cluster().Members() {
		if id := uint64(member.ID); id != but && member.IsStarted() && slices.Contains(voters, id) {
			n++
		}
	}
	return n
}

// ended reports whether the member has stopped of itself.
func (m *Member) ended() bool {
	select {
	case <-m.Stopped():
		return true
	default:
		return false
	}
}
