package etcd

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// Members returns the members as this one knows them.
func (m *Member) Members(ctx context.Context) ([]*etcdserverpb.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	list, err := m.client.MemberList(ctx)
	if err != nil {
		return nil, err
	}
	return list.Members, nil
}

// Voters returns the ids of the members that vote, as this one knows them, without
// asking any other.
func (m *Member) Voters() []uint64 {
	var ids []uint64
	for _, id := range m.etcd.Server.Cluster().Members() {
		if !id.IsLearner {
			ids = append(ids, uint64(id.ID))
		}
	}
	return ids
}

func (m *Member) status(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := m.client.Status(ctx, "")
	return err
}

// AddLearner announces a member to the cluster, and notes on its disk whom it is to
// join. Where the cluster has the peer already, that is success, as to kubeadm.
func (c *Cluster) AddLearner(ctx context.Context, d *Disk) error {
	m := c.Any()
	if m == nil {
		return errNoMember
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	members, err := m.Members(ctx)
	if err != nil {
		return err
	}
	c.settle(m)
	if _, found := find(members, d.relay.url()); !found {
		if err := m.mayAdd(); err != nil {
			return err
		}
		added, err := m.client.MemberAddAsLearner(ctx, []string{d.relay.url()})
		switch {
		case errors.Is(err, rpctypes.ErrPeerURLExist):
			if members, err = m.Members(ctx); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			members = added.Members
		}
	}
	d.initial = nil
	for _, member := range members {
		p := Peer{Name: member.Name, URL: member.PeerURLs[0]}
		switch {
		case p.URL == d.relay.url():
			p.Name = d.name
		case p.Name == "":
			p.Name = strconv.FormatUint(member.ID, 16)
		}
		d.initial = append(d.initial, p)
	}
	return nil
}

// Promote makes the learner with a disk a member that votes, and waits until every member
// knows it. The leader decides a moment before the others hear of it, and one that ends
// in between takes the quorum with it.
func (c *Cluster) Promote(ctx context.Context, d *Disk) error {
	m := c.Any()
	if m == nil {
		return errNoMember
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	members, err := m.Members(ctx)
	if err != nil {
		return err
	}
	learner, found := find(members, d.relay.url())
	switch {
	case !found:
		return rpctypes.ErrMemberNotFound
	case !learner.IsLearner:
		return c.allKnowVoter(learner.ID)
	}
	if _, err := m.client.MemberPromote(ctx, learner.ID); err != nil {
		return err
	}
	return c.allKnowVoter(learner.ID)
}

var errNotEverywhere = errors.New("etcdserver: a member does not know yet who the others are")

func (c *Cluster) allKnowVoter(id uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.alive {
		if !m.ended() && !slices.Contains(m.Voters(), id) {
			return errNotEverywhere
		}
	}
	return nil
}

// Remove removes the member of a disk, if the cluster has it, and waits until every other
// member knows it.
func (c *Cluster) Remove(ctx context.Context, d *Disk) error { return c.remove(ctx, c.Any(), d) }

// Leave is Remove by way of another member, as where the machine of the disk asks: it fails
// while none answers.
func (c *Cluster) Leave(ctx context.Context, d *Disk) error {
	return c.remove(ctx, c.furthest(func(m *Member) bool { return m.disk != d }), d)
}

// remove waits for the others: a leader that is removed goes on for a second, and one that
// ends before they have heard of it takes the quorum with it.
func (c *Cluster) remove(ctx context.Context, m *Member, d *Disk) error {
	if m == nil {
		return errNoMember
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	members, err := m.Members(ctx)
	if err != nil {
		return err
	}
	if member, found := find(members, d.relay.url()); found {
		if _, err := m.client.MemberRemove(ctx, member.ID); err != nil {
			return err
		}
	}
	return c.allForgot(d)
}

// allForgot fails while a member beside that of the disk still has it for one that votes.
func (c *Cluster) allForgot(d *Disk) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.alive {
		if m.ended() || m.disk == d {
			continue
		}
		for _, known := range m.etcd.Server.Cluster().Members() {
			if slices.Contains(known.PeerURLs, d.relay.url()) {
				return errNotEverywhere
			}
		}
	}
	return nil
}

// RaiseAlarm raises NOSPACE for this member, as one whose disk is full does.
func (m *Member) RaiseAlarm(ctx context.Context) error {
	_, err := m.etcd.Server.Alarm(ctx, &etcdserverpb.AlarmRequest{
		Action:   etcdserverpb.AlarmRequest_ACTIVATE,
		MemberID: m.ID(),
		Alarm:    etcdserverpb.AlarmType_NOSPACE,
	})
	return err
}

func find(members []*etcdserverpb.Member, url string) (*etcdserverpb.Member, bool) {
	for _, member := range members {
		if len(member.PeerURLs) > 0 && member.PeerURLs[0] == url {
			return member, true
		}
	}
	return nil, false
}
