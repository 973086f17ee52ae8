package guest

import (
	"slices"
	"strings"
)

// History is what has happened in the clusters of a World that happens once in the life
// of a cluster, or never: a test compares it with what it has done itself.
type History struct {
	// Inits are the VMs on which kubeadm init has made a cluster, in order.
	Inits []string
	// QuorumLosses are the moments at which a cluster had a quorum no more, each with the
	// control-plane VMs that the cluster had and those of them that ran.
	QuorumLosses []string
	// Unreadable are the moments at which an API server could not read Secrets that there
	// were, or that another one might write.
	Unreadable []string
	// VIPCuts are the VMs that were taken out of etcd, or lost their power, while they had the
	// VIP, although another one could have it.
	VIPCuts []string
	// SecretKeys are those that Secrets are written with now, and how many are; an empty
	// name stands for clear text.
	SecretKeys map[string]int
}

// History returns what has happened so far.
func (w *World) History() History {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := map[string]int{}
	for _, c := range w.clusters {
		if !slices.ContainsFunc(c.members, func(g *guest) bool { return g.endpoint != nil }) {
			continue // it was destroyed, or restored elsewhere
		}
		for name, count := range c.store.Sealed() {
			keys[name] += count
		}
	}
	return History{
		SecretKeys: keys,

		Inits:        slices.Clone(w.history.Inits),
		QuorumLosses: slices.Clone(w.history.QuorumLosses),
		Unreadable:   slices.Clone(w.history.Unreadable),
		VIPCuts:      slices.Clone(w.history.VIPCuts),
	}
}

// noteQuorumLoss adds to the history that a cluster has lost its quorum. World.mu is held.
func (c *cluster) noteQuorumLoss(live []*guest) {
	c.world.history.QuorumLosses = append(c.world.history.QuorumLosses, "of "+names(c.members)+" run "+names(live))
}

func names(machines []*guest) string {
	var all []string
	for _, g := range machines {
		all = append(all, g.vm.Name)
	}
	return "[" + strings.Join(all, " ") + "]"
}
