package guest

import (
	"context"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// localKubelet is the minor version from which on the kubelet of a joining control-plane
// node waits for the API server beside it, by kubeadm's ControlPlaneKubeletLocalMode: its
// node appears once etcd has joined. Before, it appears at once, by the cluster's endpoint.
const localKubelet = 33

// joinControlPlane makes the machine part of the control plane of a cluster, in the order
// of kubeadm's phases. The role is set at the end: until then, the node is there without.
func (g *guest) joinControlPlane(ctx context.Context, c *cluster, n *node, r kubeadm.Registration, version kubeadm.Version) error {
	if err := g.checkEtcd(ctx, c); err != nil {
		return err
	}
	tool, err := kubeadm.ParseVersion(g.vm.KubernetesVersion)
	if err != nil {
		tool = version
	}
	early := tool.Minor < localKubelet
	appear := func() error {
		if err := g.register(ctx, c, n, r, version); err != nil {
			return err
		}
		return g.reached(ctx, JoinNodeRegistered)
	}
	if early {
		if err := appear(); err != nil {
			return err
		}
	}
	if err := g.joinEtcd(ctx, c, n); err != nil {
		return err
	}
	if err := g.serveFirst(ctx, c, n); err != nil {
		return err
	}
	if !early {
		if err := appear(); err != nil {
			return err
		}
	}
	_, err = c.store.Change(kubeapi.Nodes, "", n.name, func(o *kubeapi.Object) error { return markControlPlane(o, r) })
	if err != nil {
		return fmt.Errorf("error execution phase control-plane-join/mark-control-plane: %w", err)
	}
	return g.joined(n)
}

// serveFirst starts the API server of a node whose etcd has joined.
func (g *guest) serveFirst(ctx context.Context, c *cluster, n *node) error {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if ctx.Err() != nil {
		return errOff
	}
	n.cluster = c
	err := c.checkKeys(n)
	if err != nil {
		return err
	}
	if n.serving, err = c.servingCertificate(n.name, n.advertise.Addr(), g.world.options.Now()); err != nil {
		return err
	}
	g.disk.node = n
	if !slices.Contains(c.members, g) {
		c.members = append(c.members, g)
	}
	return g.serveAPI()
}

// joined is the end of kubeadm.
func (g *guest) joined(n *node) error {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	n.joined = true
	g.startPods() // that of etcd is new
	return nil
}

// leaveScript is what takes a machine out of etcd before its join is undone.
const leaveScript = "/etc/gantry/leave-etcd.py"

// undoJoin is what the script does before a join that was interrupted is tried again.
func (g *guest) undoJoin(ctx context.Context, inst *cloudinit.Instance) error {
	g.world.mu.Lock()
	n := g.disk.node
	c := g.disk.joining
	if n != nil {
		c = n.cluster
	}
	g.world.mu.Unlock()
	if c == nil {
		return nil
	}
	if inst.Has(leaveScript) {
		if err := g.leaveEtcd(ctx, c); err != nil {
			return err
		}
	}
	return g.reset(ctx, c, n)
}

// leaveEtcd waits until the other members of etcd say that the machine is none of them. Its
// own runs meanwhile: they may not have the quorum without it.
func (g *guest) leaveEtcd(ctx context.Context, c *cluster) error {
	g.world.mu.Lock()
	disk := g.disk.member
	g.world.mu.Unlock()
	if disk == nil {
		return nil
	}
	said := ""
	for {
		err := c.etcd.Leave(ctx, disk)
		if err == nil {
			return nil
		}
		if err.Error() != said {
			said = err.Error()
			g.log("this node may be a member of etcd, and keeps its data: %v", err)
		}
		if !sleep(ctx, pollInterval) {
			return errOff
		}
	}
}

// reset is what `kubeadm reset` does: the kubelet ends, and the data of etcd goes. The member
// leaves etcd only if kubeadm learns from the API of its cluster what it resets, which takes
// an API that answers and the kubelet's kubeconfig. The node stays in the API.
func (g *guest) reset(ctx context.Context, c *cluster, n *node) error {
	knows := n != nil && n.object != nil && c.healthy() == nil
	if err := g.undoMember(ctx, c, knows); err != nil {
		return err
	}
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	g.kubelet = false
	g.endpoint.close()
	g.endpoint = nil
	c.members = slices.DeleteFunc(c.members, func(m *guest) bool { return m == g })
	g.disk.node = nil
	c.settle()
	return nil
}
