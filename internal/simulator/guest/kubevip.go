package guest

import (
	"context"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// What kube-vip's Lease is called, and its times. A vipRound here is vipRetryPeriod by the clock
// of the Lease, and long enough that a busy machine names the next holder in time.
const (
	vipLease         = "plndr-cp-lock"
	vipLeaseDuration = 15 * time.Second
	vipRenewDeadline = 10 * time.Second
	vipRetryPeriod   = 2 * time.Second
	vipRound         = 4 * pollInterval
)

// runKubeVIP plays what the instances of kube-vip do that follow the Lease, a round at a time.
// What follows from a node that serves no more is settle's.
func (c *cluster) runKubeVIP(ctx context.Context) {
	for {
		changed := c.store.Changed()
		if c.kubeVIPRound() {
			if !sleep(ctx, vipRound) {
				return
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// kubeVIPRound reports whether there is another round although nothing changes. The holder of the
// VIP tries to renew a Lease that names another one, and then lets go of the address. After that,
// the node that is named takes it in its next round, and when the Lease is over, any node does.
func (c *cluster) kubeVIPRound() (again bool) {
	lease, err := c.store.Get(kubeapi.Leases, metav1.NamespaceSystem, vipLease)
	if err != nil {
		return false
	}
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	named := leaseHolder(lease)
	if version := lease.GetResourceVersion(); version != c.leaseSeen {
		c.leaseSeen = version
		c.leaseAge = 0
	} else {
		c.leaseAge += vipRetryPeriod
	}
	i := slices.IndexFunc(c.members, func(g *guest) bool { return g.serves() && g.disk.node.vip != nil && g.disk.node.name == named })
	switch {
	case c.holder != nil && c.holder.disk.node.name == named:
		c.lost = 0
		return false
	case c.holder != nil:
		if c.lost += vipRetryPeriod; c.lost >= vipRenewDeadline {
			c.dropVIP()
			c.vipReserved = true
		}
		return true
	case !c.vipReserved:
		return false
	case i >= 0 && c.leaseAge > 0:
		c.vipReserved = c.takeVIP(c.members[i]) != nil
	case c.leaseAge >= vipLeaseDuration:
		c.vipReserved = false
		c.settle()
	}
	return c.vipReserved
}

// Pass has time pass for what goes by rounds and not by the clock: a VIP that was on its way to
// another node has arrived after a Lease's time. Less time changes nothing: where it flies, in
// small steps, rounds are as long as ever for those who wait for them.
func (w *World) Pass(d time.Duration) {
	if d < vipLeaseDuration {
		return
	}
	w.mu.Lock()
	clusters := slices.Clone(w.clusters)
	w.mu.Unlock()
	for round := time.Duration(0); round < min(d, 2*vipLeaseDuration); round += vipRetryPeriod {
		for _, c := range clusters {
			c.kubeVIPRound()
		}
	}
}

func leaseHolder(lease *kubeapi.Object) string {
	holder, _, _ := unstructured.NestedString(lease.Object, "spec", "holderIdentity")
	return holder
}

// acquireLease makes a node the holder of the Lease.
func (c *cluster) acquireLease(g *guest, now time.Time) {
	life := int32(vipLeaseDuration / time.Second)
	c.store.Put(&coordinationv1.Lease{
		TypeMeta:   metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"},
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: vipLease},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &g.disk.node.name, LeaseDurationSeconds: &life, RenewTime: &metav1.MicroTime{Time: now.UTC()},
		},
	}, kubeapi.Leases)
}

// serves reports whether a control-plane node runs with its API server. World.mu is held.
func (g *guest) serves() bool { return g.halt != nil && g.endpoint != nil }

// noteVIPCut adds to the history that a node stops to serve while it has the VIP, although
// another one could have it. World.mu is held.
func (c *cluster) noteVIPCut(g *guest) {
	other := slices.ContainsFunc(c.members, func(m *guest) bool { return m != g && m.serves() && m.disk.node.vip != nil })
	if other && c.holder == g {
		c.world.history.VIPCuts = append(c.world.history.VIPCuts, g.vm.Name)
	}
}
