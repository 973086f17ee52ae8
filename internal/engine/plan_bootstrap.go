package engine

import (
	"net/netip"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// bootstraps refuses what could not be rendered into the documents of a node:
// networks that overlap, a version that is not supported, a proxy that is not a
// URL. One node of each placement's pool stands for all.
func (p *planner) bootstraps() {
	seen, mute := map[Field]bool{}, map[string]bool{}
	for i, pool := range p.spec.Pools() {
		for j, place := range pool.Placements {
			ip := p.obs.IPPools[place.IPPoolID]
			if ip == nil || !ip.Registered {
				continue
			}
			if len(ip.Body.Nameservers) == 0 && !mute[place.IPPoolID] {
				mute[place.IPPoolID] = true
				p.warn(placementField(i, pool.Name, j)+".ip_pool_id", "The IP pool has no nameservers",
					"Nodes with an address of IP pool %q ask no DNS server, unless their image names one: they pull no image from a registry by its name, "+
						"and CoreDNS ends with \"no nameservers found\" on them, so that the cluster has no DNS. Set nameservers on the pool before nodes are built from it.", ip.Body.Name)
			}
			node, ok := p.sample(pool, ip)
			if !ok {
				continue // a pool without two addresses is the budget's to refuse
			}
			for _, fault := range bootstrap.Check(node) {
				field := bootstrapField(fault.Field, placementField(i, pool.Name, j))
				if !seen[field] {
					seen[field] = true
					p.problem(field, "No node can be bootstrapped with this", "%s.", fault.Reason)
				}
			}
		}
	}
}

// sample is a node as it would be rendered, with the first two addresses of the
// pool in the places of its own and the VIP.
func (p *planner) sample(pool PoolSpec, ip *IPPool) (bootstrap.Node, bool) {
	var two []netip.Addr
	for a := range ip.All() {
		if two = append(two, a); len(two) == 2 {
			break
		}
	}
	if len(two) < 2 {
		return bootstrap.Node{}, false
	}
	node := p.spec.document(NodeName(p.spec.Name, pool.Name, 1), ip)
	node.InstanceID, node.Role = uuid.Nil.String(), bootstrap.Worker
	if pool.Name == ControlPlanePool {
		node.Role = bootstrap.ControlPlane
	}
	node.Endpoint, node.Address = two[0], netip.PrefixFrom(two[1], ip.Pool.Prefix.Bits())
	return node, true
}

// document is the part of a node's documents that the spec and the pool tell.
func (s *ClusterSpec) document(name string, ip *IPPool) bootstrap.Node {
	node := bootstrap.Node{
		ClusterName: s.Name, Name: name, KubernetesVersion: s.KubernetesVersion,
		Gateway: ip.Pool.Gateway, SearchDomains: ip.Body.SearchDomains,
		PodCIDR: s.PodCIDR, ServiceCIDR: s.ServiceCIDR,
		SSHAuthorizedKeys: s.SSHAuthorizedKeys, NTPServers: s.NTPServers,
	}
	for _, text := range ip.Body.Nameservers {
		// What is not an address stays the zero address, which no node takes.
		server, _ := netip.ParseAddr(text)
		node.Nameservers = append(node.Nameservers, server)
	}
	if x := s.Proxy; x != nil {
		node.Proxy = &bootstrap.Proxy{HTTP: x.HTTP, HTTPS: x.HTTPS, NoProxy: x.NoProxy, CACertificate: x.CACertificate}
	}
	return node
}

// bootstrapField maps a field of a node's documents to the attribute that it
// comes from.
func bootstrapField(field string, placement Field) Field {
	name, rest, _ := strings.Cut(field, "[")
	index := ""
	if rest != "" {
		index = "[" + rest
	}
	switch name {
	case "ClusterName", "Name":
		return "name"
	case "KubernetesVersion":
		return "profile.kubernetes_version"
	case "PodCIDR":
		return "network.pod_cidr"
	case "ServiceCIDR":
		return "network.service_cidr"
	case "SSHAuthorizedKeys":
		return Field("ssh_authorized_keys" + index)
	case "NTPServers":
		return Field("ntp_servers" + index)
	case "Proxy.HTTP":
		return "proxy.http"
	case "Proxy.HTTPS":
		return "proxy.https"
	case "Proxy.NoProxy":
		return "proxy.no_proxy"
	case "Proxy.CACertificate":
		return "proxy.ca_certificate"
	default: // addresses, gateway, name servers: what the pool says
		return placement + ".ip_pool_id"
	}
}
