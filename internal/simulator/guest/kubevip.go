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

// What kube-vip's Lease is called, and its times. A round of its holder, which passes in a
// pollInterval here, is vipRetryPeriod by the clock of the Lease.
const (
	vipLease         = "plndr-cp-lock"
	vipLeaseSeconds  = 15
	vipRenewDeadline = 10 * time.Second
	vipRetryPeriod   = 2 * time.Second
)

// runKubeVIP plays what the instances of kube-vip do that follow the Lease: a node that
// another one writes into it takes the VIP in its next round, and the one that had it keeps
// the address until it has failed to renew the Lease for long enough. What follows from a
// node that serves no more is settle's.
func (c *cluster) runKubeVIP(ctx context.Context) {
	for {
		changed := c.store.Changed()
		if next := c.namedHolder(); next != "" {
			c.takeOver(ctx, next)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// namedHolder is the holder in the Lease, where that is not the one that has the VIP.
func (c *cluster) namedHolder() string {
	lease, err := c.store.Get(kubeapi.Leases, metav1.NamespaceSystem, vipLease)
	if err != nil {
		return ""
	}
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	named := leaseHolder(lease)
	if c.holder == nil || c.holder.disk.node.name == named {
		return ""
	}
	return named
}

func leaseHolder(lease *kubeapi.Object) string {
	holder, _, _ := unstructured.NestedString(lease.Object, "spec", "holderIdentity")
	return holder
}

// takeOver has a node take the VIP, where its kube-vip runs; else the holder goes on as if the
// Lease had been over.
func (c *cluster) takeOver(ctx context.Context, next string) {
	if !sleep(ctx, pollInterval) {
		return
	}
	began := c.world.options.Now()
	c.change(func() {
		i := slices.IndexFunc(c.members, func(g *guest) bool { return g.serves() && g.disk.node.vip != nil && g.disk.node.name == next })
		switch last := c.holder; {
		case last == nil: // it has gone meanwhile
		case i < 0:
			c.acquireLease(last, began)
		default:
			c.dropVIP()
			if c.takeVIP(c.members[i]) == nil {
				c.lettingGo = last
			}
		}
	})
	const rounds = 10 // as long as anybody may look
	for round := time.Duration(1); round <= rounds && sleep(ctx, pollInterval); round++ {
		c.change(func() {
			if c.holder != nil {
				c.renewLease(c.holder, began.Add(round*vipRetryPeriod))
			}
			if round*vipRetryPeriod >= vipRenewDeadline {
				c.lettingGo = nil
			}
		})
		if next := c.namedHolder(); next != "" {
			return
		}
	}
}

func (c *cluster) change(change func()) {
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	change()
}

// acquireLease makes a node the holder of the Lease.
func (c *cluster) acquireLease(g *guest, now time.Time) {
	life := int32(vipLeaseSeconds)
	c.store.Put(&coordinationv1.Lease{
		TypeMeta:   metav1.TypeMeta{APIVersion: "coordination.k8s.io/v1", Kind: "Lease"},
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: vipLease},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &g.disk.node.name, LeaseDurationSeconds: &life, RenewTime: &metav1.MicroTime{Time: now.UTC()},
		},
	}, kubeapi.Leases)
}

// renewLease renews the Lease of its holder; of another one it is not.
func (c *cluster) renewLease(g *guest, now time.Time) {
	_, _ = c.store.Change(kubeapi.Leases, metav1.NamespaceSystem, vipLease, func(o *kubeapi.Object) error {
		if leaseHolder(o) != g.disk.node.name {
			return nil
		}
		return unstructured.SetNestedField(o.Object, now.UTC().Format(metav1.RFC3339Micro), "spec", "renewTime")
	})
}

// serves reports whether a control-plane node runs with its API server. World.mu is held.
func (g *guest) serves() bool { return g.halt != nil && g.kubelet && g.endpoint != nil }

// noteVIPCut adds to the history that a node stops to serve while it has the VIP, although
// another one could have it. World.mu is held.
func (c *cluster) noteVIPCut(g *guest) {
	other := slices.ContainsFunc(c.members, func(m *guest) bool { return m != g && m.serves() && m.disk.node.vip != nil })
	if other && (c.holder == g || c.lettingGo == g) {
		c.world.history.VIPCuts = append(c.world.history.VIPCuts, g.vm.Name)
	}
}
