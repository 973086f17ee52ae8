package engine

import (
	"fmt"
	"strings"
)

// resolved collects what speaks against the names that the spec uses: what is
// not there, what cannot be cloned or bootstrapped, pools of somebody else.
func (p *planner) resolved() {
	for _, problem := range p.obs.Survey.Problems {
		if !p.keepsControlPlane() || !strings.HasPrefix(string(problem.Field), controlPlanePlacement+".") {
			p.out.Problems = append(p.out.Problems, problem)
		}
	}
	p.clones()
	p.bootstraps()
	at := -1
	for i, pool := range p.spec.Pools() {
		for j, pl := range pool.Placements {
			at++
			ip := p.obs.IPPools[pl.IPPoolID]
			if ip == nil || !ip.Registered {
				if p.out.Unregistered == nil {
					p.out.Unregistered, p.out.Damaged = map[string]Field{}, map[string]error{}
				}
				if ip != nil && ip.Damage != nil {
					p.out.Damaged[pl.IPPoolID] = ip.Damage
				}
				p.out.Unknown, p.out.Unregistered[pl.IPPoolID] = true, placementField(i, pool.Name, j)+".ip_pool_id"
				continue
			}
			field := placementField(i, pool.Name, j)
			kept := i == 0 && p.keepsControlPlane()
			if network := p.networkAt(at, pl.Network); !kept && !ip.Body.MayServe(network) {
				p.problem(field+".network", "Not the network of the IP pool",
					"The addresses of IP pool %q live on the network %q, and this placement is on %q. Use a pool of this network, or this pool's network.",
					ip.Body.Name, ip.Body.Network, network)
			}
			if ip.ReservedBy != "" && ip.ReservedBy != p.spec.ID {
				p.problem(field+".ip_pool_id", "The IP pool belongs to another cluster",
					"IP pool %q is restricted to a single cluster, and the cluster with the id %s has it. Use another pool.", ip.Body.Name, ip.ReservedBy)
			}
			if ip.Gateway != p.spec.GatewayID && ip.Gateway != p.spec.gatewayOfNodes() {
				p.problem(field+".ip_pool_id", "IP pool of another gateway",
					"IP pool %q belongs to %s, and the %s to %s. Use a pool of the same gateway.",
					ip.Body.Name, gatewayWords(ip.Gateway), p.spec.Kind, gatewayWords(p.spec.GatewayID))
			}
		}
	}
}

// keepsControlPlane tells whether no node is added to the control plane: then it
// is no matter that it could not be built any more as it was, such as where an
// administrator has renamed a network. Its placement does not change in place.
func (p *planner) keepsControlPlane() bool {
	return p.ready() && p.creating(ControlPlanePool) == 0
}

// networkAt is the network of the placement at that place of all: its path, where
// vCenter has told what the name means.
func (p *planner) networkAt(at int, name string) string {
	if site := p.obs.Survey.Site; site != nil && at < len(site.Placements) && site.Placements[at].Network.Path != "" {
		return site.Placements[at].Network.Path
	}
	return name
}

// clones refuses what vSphere would do silently otherwise.
func (p *planner) clones() {
	site := p.obs.Survey.Site
	if site == nil {
		return
	}
	at := 0
	for i, pool := range p.spec.Pools() {
		if i == 0 && p.keepsControlPlane() {
			at += len(pool.Placements)
			continue
		}
		for range pool.Placements {
			if site.Placements[at].ComputeCluster == "" {
				at++
				continue // its problem is told already
			}
			if _, err := cloneMode(p.spec.CloneMode, site.Template, site.Placements[at], pool.DiskGB); err != nil {
				p.problem("clone_mode", "The template cannot be cloned as linked", "%s.", err)
				return
			}
			at++
		}
		if pool.DiskGB != 0 && pool.DiskGB < site.Template.DiskGB {
			field := Field("control_plane.disk_gb")
			if i > 0 {
				field = Field(fmt.Sprintf("worker_pools[%q].disk_gb", pool.Name))
			}
			p.problem(field, "The disk is smaller than the template's",
				"The template %s has a disk of %d GB, and a disk never shrinks. Ask for at least that, or leave disk_gb out.", site.Template.Path, site.Template.DiskGB)
		}
	}
}

// gatewayOfNodes is the gateway whose pools the nodes may use: a gateway's own
// nodes use the pool that it brings along, too.
func (s *ClusterSpec) gatewayOfNodes() string {
	if s.Kind == KindGateway {
		return s.ID
	}
	return s.GatewayID
}

func gatewayWords(id string) string {
	if id == "" {
		return "the system gateway"
	}
	return "gateway " + id
}
