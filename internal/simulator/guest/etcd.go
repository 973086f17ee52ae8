package guest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/etcd"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// JoinStage is a moment of the join of a node at which it can end.
type JoinStage string

// The stages, in their order; those after the first are of the control plane. Until
// promotion etcd has a learner of the node, and until its start one without a name.
const (
	JoinBegins        JoinStage = "join begins"
	JoinMemberAdded   JoinStage = "etcd member added"
	JoinMemberStarted JoinStage = "etcd member started"
	JoinMemberVotes   JoinStage = "etcd member promoted"
	// JoinNodeRegistered comes before the stages of etcd up to Kubernetes 1.32, and after
	// them from then on. The node has no role yet.
	JoinNodeRegistered JoinStage = "node registered"
)

// etcdPort is where etcd serves its clients.
const etcdPort = 2379

// ensureEtcd starts the etcd of a cluster of one member. Most clusters of a test never
// get a second one, nor is theirs asked anything: until then it is a fact without a
// process.
func (c *cluster) ensureEtcd(ctx context.Context) error {
	c.etcdStart.Lock()
	defer c.etcdStart.Unlock()
	c.world.mu.Lock()
	started := c.etcdRuns
	first := c.members[0]
	n := first.disk.node
	cycle := first.ended
	on := first.halt != nil
	c.world.mu.Unlock()
	switch {
	case started:
		return nil
	case !on:
		return errNoQuorum
	}

	disk, err := c.etcdDisk(n)
	if err != nil {
		return err
	}
	m, err := disk.Start()
	if err != nil {
		return err
	}
	err = m.WaitReady(ctx)
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if err != nil {
		c.world.kill(m)
		return err
	}
	c.etcdRuns = true
	first.disk.member = disk
	if first.halt == nil || first.ended != cycle {
		c.world.kill(m)
		return errNoQuorum
	}
	c.world.adopt(first, m)
	return nil
}

// etcdDisk prepares the member of a node, of the release that kubeadm of its version takes.
func (c *cluster) etcdDisk(n *node) (*etcd.Disk, error) {
	disk, err := c.etcd.Disk(etcd.Authority(*n.etcdCA), n.name, n.advertise.Addr(), c.world.options.Now())
	if err != nil {
		return nil, err
	}
	release, _, _ := strings.Cut(images[n.version.Minor].etcd, "-")
	disk.Runs(release)
	return disk, nil
}

// adopt makes a member that runs a machine's. World.mu is held.
func (w *World) adopt(g *guest, m *etcd.Member) {
	g.member = m
	w.running.Go(func() {
		<-m.Stopped()
		w.mu.Lock()
		defer w.mu.Unlock()
		if g.member != m {
			return // it was killed
		}
		g.console.Print("etcd: " + etcd.ErrRemoved.Error())
		g.evicted()
	})
}

// evicted is a machine whose member was removed: etcd does not run again, the API server
// beside it has no store, and the kubelet no API. World.mu is held.
func (g *guest) evicted() {
	g.disk.evicted = true
	if n := g.disk.node; n != nil {
		n.cluster.noteVIPCut(g)
	}
	g.kubelet = false
	g.endpoint.close()
	g.endpoint = nil
	g.world.killMember(g)
	g.settle()
}

// settle is that of the cluster whose etcd the machine is part of. World.mu is held.
func (g *guest) settle() {
	switch {
	case g.disk.node != nil:
		g.disk.node.cluster.settle()
	case g.disk.joining != nil:
		g.disk.joining.settle()
	}
}

// killMember takes the power from a machine's member. World.mu is held.
func (w *World) killMember(g *guest) {
	if m := g.member; m != nil {
		g.member = nil
		w.kill(m)
	}
}

func (w *World) kill(m *etcd.Member) {
	m.Cut()
	w.running.Go(m.Release)
}

// runMember is the static pod of etcd at a boot after the first, and the API server,
// which waits for it.
func (g *guest) runMember(ctx context.Context, disk *etcd.Disk) {
	for {
		m, err := disk.Start()
		if err == nil {
			err = g.serveMember(ctx, m)
		}
		if err == nil || ctx.Err() != nil || errors.Is(err, etcd.ErrRemoved) {
			return
		}
		g.log("etcd: %v", err)
		if !sleep(ctx, 4*pollInterval) {
			return
		}
	}
}

// serveMember waits until a member has found its cluster.
func (g *guest) serveMember(ctx context.Context, m *etcd.Member) error {
	w := g.world
	w.mu.Lock()
	if ctx.Err() != nil {
		w.kill(m)
		w.mu.Unlock()
		return errOff
	}
	w.adopt(g, m)
	g.settle()
	w.mu.Unlock()

	if err := m.WaitReady(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if g.disk.node == nil || g.member != m {
		return nil
	}
	return g.serveAPI()
}

// checkEtcd is kubeadm's phase check-etcd.
func (g *guest) checkEtcd(ctx context.Context, c *cluster) error {
	if err := c.ensureEtcd(ctx); err != nil {
		return fmt.Errorf("error execution phase check-etcd: %w", err)
	}
	g.log("[check-etcd] Checking that the etcd cluster is healthy")
	if err := g.untilEtcd(ctx, c.etcd.CheckHealth); err != nil {
		return fmt.Errorf("error execution phase check-etcd: etcd cluster is not healthy: %w", err)
	}
	return nil
}

// joinEtcd joins the machine to the etcd of its cluster, as kubeadm's phase etcd-join does.
func (g *guest) joinEtcd(ctx context.Context, c *cluster, n *node) error {
	disk, err := c.etcdDisk(n)
	if err != nil {
		return err
	}
	if err := g.joinMember(ctx, c, disk); err != nil {
		return fmt.Errorf("error execution phase etcd-join: error creating local etcd static pod manifest file: %w", err)
	}
	return nil
}

// joinMember adds the member as a learner, starts it and promotes it.
func (g *guest) joinMember(ctx context.Context, c *cluster, disk *etcd.Disk) error {
	w := g.world
	err := g.untilEtcd(ctx, func(ctx context.Context) error { return c.etcd.AddLearner(ctx, disk) })
	if err != nil {
		return err
	}
	g.log("[etcd] Announced new etcd member joining to the existing etcd cluster")
	if err := g.reached(ctx, JoinMemberAdded); err != nil {
		return err
	}
	var m *etcd.Member
	// The kubelet starts a static pod again that has ended.
	err = g.untilEtcd(ctx, func(context.Context) error {
		m, err = disk.Start()
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	g.disk.member = disk
	g.disk.joining = c
	if ctx.Err() != nil {
		w.kill(m)
		w.mu.Unlock()
		return errOff
	}
	w.adopt(g, m)
	w.mu.Unlock()
	if err := g.reached(ctx, JoinMemberStarted); err != nil {
		return err
	}
	if err := g.untilEtcd(ctx, func(ctx context.Context) error { return c.etcd.Promote(ctx, disk) }); err != nil {
		return err
	}
	g.log("[etcd] Waiting for the new etcd member to join the cluster")
	if err := m.WaitReady(ctx); err != nil {
		return err
	}
	return g.reached(ctx, JoinMemberVotes)
}

// undoMember is what `kubeadm reset` does about etcd, with what it knows of the cluster or
// without: the data goes in either case.
func (g *guest) undoMember(ctx context.Context, c *cluster, knows bool) error {
	g.world.mu.Lock()
	disk := g.disk.member
	g.disk.member = nil
	g.world.mu.Unlock()
	if disk == nil {
		return nil
	}
	if !knows {
		g.log("W [reset] Unable to fetch the kubeadm-config ConfigMap from cluster")
	} else if err := g.untilEtcd(ctx, func(ctx context.Context) error { return c.etcd.Remove(ctx, disk) }); err != nil {
		g.log("W [reset] Failed to remove etcd member: %v, please manually remove this etcd member using etcdctl", err)
	}
	g.log("[reset] Deleted contents of the etcd data directory: /var/lib/etcd")
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	g.world.killMember(g)
	g.disk.evicted = false
	return nil
}

// reached reports a stage to who may want the join to end there.
func (g *guest) reached(ctx context.Context, stage JoinStage) error {
	if at := g.world.options.AtJoin; at != nil {
		if err := at(g.vm.Name, stage); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return errOff
	}
	return nil
}

// untilEtcd tries again until it works, as kubeadm does with every call of etcd.
func (g *guest) untilEtcd(ctx context.Context, call func(context.Context) error) error {
	deadline := time.Now().Add(g.world.options.JoinTimeout)
	for {
		err := call(ctx)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		if !sleep(ctx, pollInterval) {
			return errOff
		}
	}
}

// kubeletOf connects to the kubelet of a node.
func (c *cluster) kubeletOf(name string) (kubeapi.Forward, error) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	for _, g := range c.world.guests {
		n := g.disk.node
		if n == nil || n.cluster != c || n.name != name {
			continue
		}
		if g.halt == nil || len(g.addresses) == 0 {
			return nil, fmt.Errorf("dial tcp %s:10250: connect: no route to host", n.address)
		}
		if g.hangs {
			return nil, fmt.Errorf("dial tcp %s:10250: connect: connection refused", n.address)
		}
		return func(ctx context.Context, pod string, port int32) (net.Conn, error) {
			return g.forward(ctx, n, pod, port)
		}, nil
	}
	return nil, fmt.Errorf("dial tcp: lookup %s: no such host", name)
}

// forward connects to a port of a pod of this machine.
func (g *guest) forward(ctx context.Context, n *node, pod string, port int32) (net.Conn, error) {
	refused := fmt.Errorf("failed to connect to localhost:%d inside namespace of pod %s: connect: connection refused", port, pod)
	if pod != "etcd-"+n.name || port != etcdPort || !n.controlPlane {
		return nil, refused
	}
	if err := n.cluster.ensureEtcd(ctx); err != nil {
		return nil, refused
	}
	g.world.mu.Lock()
	m := g.member
	g.world.mu.Unlock()
	if m == nil {
		return nil, refused
	}
	return m.Dial(ctx)
}
