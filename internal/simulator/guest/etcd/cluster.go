package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// Cluster is where the members of one cluster are kept.
type Cluster struct {
	// Content is what a snapshot has beside etcd's own; nil: nothing.
	Content func() ([]byte, error)

	members sync.WaitGroup // that run

	mu     sync.Mutex
	dir    string
	relays map[netip.Addr]*relay
	disks  int
	alive  map[uint64]*Member
	minors map[uint64]int // the minor versions of the members that have run, by id
	minor  int            // that of the cluster
}

// NewCluster returns one without members. It takes nothing until there is a member.
func NewCluster() *Cluster {
	return &Cluster{relays: map[netip.Addr]*relay{}, alive: map[uint64]*Member{}, minors: map[uint64]int{}}
}

// Disk prepares a member on a machine: its certificates and the address for its peers.
func (c *Cluster) Disk(authority Authority, name string, address netip.Addr, now time.Time) (*Disk, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dir == "" {
		dir, err := os.MkdirTemp("", "gantry-etcd-")
		if err != nil {
			return nil, fmt.Errorf("directory of etcd: %w", err)
		}
		c.dir = dir
	}
	at := c.relays[address]
	if at == nil {
		var err error
		if at, err = newRelay(); err != nil {
			return nil, err
		}
		c.relays[address] = at
	}
	c.disks++
	d := &Disk{cluster: c, name: name, address: address, dir: fmt.Sprintf("%s/%d", c.dir, c.disks), relay: at}
	if err := authority.writeCertificates(d.dir, name, address, now); err != nil {
		return nil, err
	}
	return d, nil
}

// Close waits until no member runs any more, and removes what the cluster has on this
// host.
func (c *Cluster) Close() {
	c.members.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.relays {
		r.close()
	}
	clear(c.relays)
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
		c.dir = ""
	}
}

func (c *Cluster) running(m *Member, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case running:
		c.alive[m.ID()] = m
		c.minors[m.ID()] = minorOf(m.disk.runs)
		c.determine(m)
	case c.alive[m.ID()] == m:
		delete(c.alive, m.ID())
	}
}

// connected returns how many of the members run.
func (c *Cluster) connected(ids []uint64) int {
	n := 0
	for _, id := range ids {
		if _, alive := c.member(id); alive {
			n++
		}
	}
	return n
}

// member returns a member that runs.
func (c *Cluster) member(id uint64) (*Member, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.alive[id]
	return m, m != nil && !m.ended()
}

// Any returns the member that has got furthest of those that vote; nil where none runs.
func (c *Cluster) Any() *Member { return c.furthest(func(*Member) bool { return true }) }

func (c *Cluster) furthest(counts func(*Member) bool) *Member {
	c.mu.Lock()
	defer c.mu.Unlock()
	var furthest *Member
	for _, m := range c.alive {
		if !counts(m) || m.ended() || !slices.Contains(m.Voters(), m.ID()) {
			continue
		}
		if furthest == nil || m.etcd.Server.AppliedIndex() > furthest.etcd.Server.AppliedIndex() {
			furthest = m
		}
	}
	return furthest
}

// Quorum reports whether a majority of the members that vote runs.
func (c *Cluster) Quorum() bool {
	m := c.Any()
	if m == nil {
		return false
	}
	voters := m.Voters()
	return c.connected(voters) > len(voters)/2
}

// CheckHealth asks every member that ever started, as kubeadm does before a join.
func (c *Cluster) CheckHealth(ctx context.Context) error {
	m := c.Any()
	if m == nil {
		return errNoMember
	}
	members, err := m.Members(ctx)
	if err != nil {
		return err
	}
	for _, member := range members {
		if len(member.ClientURLs) == 0 {
			continue // it never started: kubeadm does not know where to ask it
		}
		other, alive := c.member(member.ID)
		if alive {
			err = other.status(ctx)
		}
		if !alive || err != nil {
			return fmt.Errorf("failed to dial endpoint %s with maintenance client: context deadline exceeded", member.ClientURLs[0])
		}
	}
	return nil
}

var errNoMember = errors.New("could not retrieve the list of etcd endpoints")
