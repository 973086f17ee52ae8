package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/status"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// EtcdMembers asks every member for its status, and one of them for the list.
func (a *api) EtcdMembers(ctx context.Context) ([]model.EtcdMember, error) {
	v, err := a.viewEtcd(ctx)
	if err != nil {
		return nil, etcdFailed(ctx, err, "list the members of etcd")
	}
	defer v.close()
	return v.members, nil
}

// MoveEtcdLeader asks the leader, where it is on the node, to hand over.
func (a *api) MoveEtcdLeader(ctx context.Context, away string) error {
	v, err := a.viewEtcd(ctx)
	if err != nil {
		return etcdFailed(ctx, err, "move the leader of etcd away from the node %q", away)
	}
	defer v.close()
	leader, found := v.leader()
	if !found || leader.Name != away {
		return nil
	}
	targets := v.serving(func(m model.EtcdMember) bool { return m.ID != leader.ID })
	from := v.conns[away]
	if len(targets) == 0 || from == nil {
		err := errors.New("no other member is healthy and votes")
		return etcdFailed(ctx, err, "move the leader of etcd away from the node %q", away)
	}
	err = from.call(ctx, func(ctx context.Context) error {
		_, err := from.maintenance.MoveLeader(ctx, &etcdserverpb.MoveLeaderRequest{TargetID: targets[0].ID})
		return err
	})
	if is(err, rpctypes.ErrGRPCNotLeader) {
		return nil // it has handed over by itself
	}
	return etcdFailed(ctx, err, "move the leader of etcd away from the node %q", away)
}

// RemoveEtcdMember asks the leader, or else another healthy member, to remove one.
func (a *api) RemoveEtcdMember(ctx context.Context, id uint64) error {
	v, err := a.viewEtcd(ctx)
	if err != nil {
		return etcdFailed(ctx, err, "remove the member %x of etcd", id)
	}
	defer v.close()
	if !slices.ContainsFunc(v.members, func(m model.EtcdMember) bool { return m.ID == id }) {
		return nil
	}
	others := v.serving(func(m model.EtcdMember) bool { return m.ID != id })
	if len(others) == 0 {
		err := errors.New("no other member is healthy and votes: the last one is never removed")
		return etcdFailed(ctx, err, "remove the member %x of etcd", id)
	}
	through := v.conns[others[0].Name]
	err = through.call(ctx, func(ctx context.Context) error {
		_, err := through.cluster.MemberRemove(ctx, &etcdserverpb.MemberRemoveRequest{ID: id})
		return err
	})
	if is(err, rpctypes.ErrGRPCMemberNotFound) {
		return nil
	}
	return etcdFailed(ctx, err, "remove the member %x of etcd", id)
}

func is(err, answer error) bool {
	return err != nil && status.Convert(errors.Unwrap(err)).Message() == status.Convert(answer).Message()
}

// etcdFailed wraps the error of a call of etcd.
func etcdFailed(ctx context.Context, err error, action string, args ...any) error {
	if err == nil {
		return nil
	}
	var answered *etcdError
	passes := transient(err)
	if errors.As(err, &answered) {
		passes = passes || answered.transient
	}
	return &Error{Action: fmt.Sprintf(action, args...), Err: err, transient: ctx.Err() == nil && passes}
}

// etcdView is etcd as its members say it is.
type etcdView struct {
	conns   map[string]*etcdConn // by node
	said    map[string]memberStatus
	members []model.EtcdMember
}

// memberStatus is what the member of a node says of itself.
type memberStatus struct {
	*etcdserverpb.StatusResponse
	err error
}

func (v *etcdView) close() {
	for _, c := range v.conns {
		c.close()
	}
}

// viewEtcd asks the members on all nodes that have a pod of etcd. Its caller closes it.
func (a *api) viewEtcd(ctx context.Context) (*etcdView, error) {
	pods, err := a.ControlPlanePods(ctx)
	if err != nil {
		return nil, err
	}
	return a.viewEtcdOf(ctx, pods, etcdTimeout)
}

// viewEtcdOf does so by a list of the pods, and gives each call of a member a time.
func (a *api) viewEtcdOf(ctx context.Context, pods []model.ControlPlanePod, timeout time.Duration) (*etcdView, error) {
	config, err := a.etcdTLS()
	if err != nil {
		return nil, err
	}
	v := &etcdView{conns: map[string]*etcdConn{}, said: map[string]memberStatus{}}
	for _, pod := range pods {
		if pod.Component != model.ComponentEtcd {
			continue
		}
		if v.conns[pod.Node], err = a.etcdMember(pod.Node, config, timeout); err != nil {
			delete(v.conns, pod.Node)
			v.close()
			return nil, err
		}
	}
	if err := v.ask(ctx); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// ask asks each member for its status, all at once, and then for the list whom it may
// be had from.
func (v *etcdView) ask(ctx context.Context) error {
	var (
		running sync.WaitGroup
		mu      sync.Mutex
	)
	for node, c := range v.conns {
		running.Go(func() {
			var s memberStatus
			s.err = c.call(ctx, func(ctx context.Context) (err error) {
				s.StatusResponse, err = c.maintenance.Status(ctx, &etcdserverpb.StatusRequest{})
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			v.said[node] = s
		})
	}
	running.Wait()
	if len(v.conns) == 0 {
		return errors.New("no node has a pod of etcd")
	}
	var failures []error
	for _, node := range v.order() {
		if v.said[node].err != nil {
			failures = append(failures, v.said[node].err)
			continue
		}
		err := v.list(ctx, v.conns[node])
		if err == nil {
			return nil
		}
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// order returns the nodes: first the leader's, last those that do not answer.
func (v *etcdView) order() []string {
	rank := func(node string) int {
		switch s := v.said[node]; {
		case s.err != nil:
			return 2
		case s.Leader == s.GetHeader().GetMemberId():
			return 0
		}
		return 1
	}
	nodes := make([]string, 0, len(v.conns))
	for node := range v.conns {
		nodes = append(nodes, node)
	}
	slices.SortFunc(nodes, func(a, b string) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a, b)) })
	return nodes
}

// list reads the members and their alarms from one of them, which asks the others
// whether it is up to date.
func (v *etcdView) list(ctx context.Context, c *etcdConn) error {
	var members *etcdserverpb.MemberListResponse
	var alarms *etcdserverpb.AlarmResponse
	err := c.call(ctx, func(ctx context.Context) (err error) {
		members, err = c.cluster.MemberList(ctx, &etcdserverpb.MemberListRequest{Linearizable: true})
		if err != nil {
			return err
		}
		alarms, err = c.maintenance.Alarm(ctx, &etcdserverpb.AlarmRequest{Action: etcdserverpb.AlarmRequest_GET})
		return err
	})
	if err != nil {
		return err
	}
	raised := map[uint64]string{}
	for _, alarm := range alarms.Alarms {
		raised[alarm.MemberID] = "alarm " + alarm.Alarm.String()
	}
	for _, member := range members.Members {
		m := v.judge(member)
		m.Error = cmp.Or(m.Error, raised[m.ID])
		v.members = append(v.members, m)
	}
	v.markLeader()
	slices.SortFunc(v.members, func(a, b model.EtcdMember) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return nil
}

// judge compares a member of the list with what the one on its node said.
func (v *etcdView) judge(member *etcdserverpb.Member) model.EtcdMember {
	m := model.EtcdMember{ID: member.ID, Name: printable.Line(member.Name, maxWord), Learner: member.IsLearner}
	s, asked := v.said[member.Name]
	switch {
	case m.Name == "":
		m.Error = "it has never started"
	case !asked:
		m.Error = fmt.Sprintf("node %s has no pod of etcd", m.Name)
	case s.err != nil:
		m.Error = printable.Line(s.err.Error(), maxReason)
	case s.GetHeader().GetMemberId() != m.ID:
		m.Error = fmt.Sprintf("etcd of node %s runs as another member", m.Name)
	default:
		m.Version = printable.Line(s.Version, maxWord)
		if s.Leader == 0 {
			m.Error = fmt.Sprintf("etcd of node %s knows no leader", m.Name)
		}
	}
	return m
}

// markLeader marks the leader of the latest term that a member knows of.
func (v *etcdView) markLeader() {
	var leader, term uint64
	for _, s := range v.said {
		if s.err == nil && s.Leader != 0 && s.RaftTerm >= term {
			leader = s.Leader
			term = s.RaftTerm
		}
	}
	for i := range v.members {
		v.members[i].Leader = v.members[i].ID == leader
	}
}

func (v *etcdView) leader() (model.EtcdMember, bool) {
	i := slices.IndexFunc(v.members, func(m model.EtcdMember) bool { return m.Leader })
	if i < 0 {
		return model.EtcdMember{}, false
	}
	return v.members[i], true
}

// serving returns the healthy members that vote, the leader first.
func (v *etcdView) serving(which func(model.EtcdMember) bool) []model.EtcdMember {
	var all []model.EtcdMember
	for _, m := range v.members {
		if m.Healthy() && !m.Learner && which(m) {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b model.EtcdMember) int {
		switch {
		case a.Leader == b.Leader:
			return 0
		case a.Leader:
			return -1
		}
		return 1
	})
	return all
}
