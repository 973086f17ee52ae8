package plan

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// documents refuses what could not be rendered into the documents of a node:
// networks that overlap, a version that is not supported, a proxy that is not a
// URL. One node of each placement's IP pool stands for all.
func (c check) documents() model.Findings {
	var f model.Findings
	refused := map[model.Field]bool{}
	f.Add(c.loadBalancerDocument(refused))
	f.Add(c.builderDocument())
	for _, ref := range c.placements() {
		ip := c.limits.IPPools[c.place(ref).IPPoolID]
		if !ip.Registered && !c.spec.DHCP() {
			continue
		}
		if !c.spec.DHCP() && len(ip.Record.Nameservers) == 0 && !ip.Planned.Partial {
			f.Warn(ref.Field(model.FieldIPPool), "The IP pool has no nameservers",
				"Nodes with an address of IP pool %q ask no DNS server, unless their image names one: they pull no image from a registry by its name, "+
					"and CoreDNS ends with \"no nameservers found\" on them, so that the cluster has no DNS. "+
					"Set nameservers on the pool before nodes are built from it.", ip.Record.Name)
		}
		pool, _ := c.spec.NodePool(ref.NodePool)
		node, ok := sample(c.spec, pool, ip)
		if !ok {
			continue // a pool without two addresses is the budget's to refuse
		}
		for _, fault := range bootstrap.Check(node) {
			field := documentField(fault.Field, ref, pool)
			if !refused[field] {
				refused[field] = true
				refusal(&f, ip)(field, fmt.Sprintf("Nodes of %s %q cannot be bootstrapped", c.spec.Kind, c.spec.Name),
					"The documents that the nodes of %s boot from cannot be rendered with %s: %s. Correct it before nodes are built.",
					pool.Words(), documentWords(field, ip), fault.Reason)
			}
		}
	}
	return f
}

// loadBalancerDocument refuses what could not be rendered for the load balancer.
func (c check) loadBalancerDocument(refused map[model.Field]bool) model.Findings {
	var f model.Findings
	if !c.builds[model.LoadBalancerPool] {
		return f
	}
	doc := LoadBalancerDocument(c.spec, c.nodeNames.LoadBalancer())
	doc.InstanceID = uuid.Nil.String()
	doc.MAC, _ = MACAddress(netip.Addr{}, uuid.Nil, func(string) bool { return false })
	at := model.PlacementRef{NodePool: model.ControlPlanePool}
	for _, fault := range bootstrap.CheckLoadBalancer(doc) {
		if field := documentField(fault.Field, at, c.spec.ControlPlane); !refused[field] {
			refused[field] = true
			f.Refuse(field, fmt.Sprintf("The load balancer of %s %q cannot be bootstrapped", c.spec.Kind, c.spec.Name),
				"The documents that it boots from cannot be rendered with the %s: %s. Correct it before it is built.", field, fault.Reason)
		}
	}
	return f
}

// sample is a node as it would be rendered, with the first two addresses of the
// pool in the places of its own and the VIP.
func sample(spec *model.ClusterSpec, pool model.NodePool, ip model.IPPool) (bootstrap.Node, bool) {
	var two []netip.Addr
	if spec.DHCP() {
		return leasedSample(spec, pool), true
	}
	for addr := range ip.Addresses.All() {
		two = append(two, addr)
		if len(two) == 2 {
			break
		}
	}
	if len(two) < 2 {
		return bootstrap.Node{}, false
	}
	node := Document(spec, pool, model.NodeName(spec.NameTemplate, spec.Name, pool.Name, 1), ip)
	node.InstanceID = uuid.Nil.String()
	node.Role = bootstrap.Worker
	if pool.ControlPlane() {
		node.Role = bootstrap.ControlPlane
	}
	node.Endpoint = bootstrap.Endpoint{Address: two[0]}
	node.Address = netip.PrefixFrom(two[1], ip.Addresses.Prefix.Bits())
	node.MAC, _ = MACAddress(two[1], uuid.Nil, func(string) bool { return false })
	return node, true
}

// leasedSample is a node that takes a lease. No plan knows the one of its load balancer.
func leasedSample(spec *model.ClusterSpec, pool model.NodePool) bootstrap.Node {
	node := Document(spec, pool, model.NodeName(spec.NameTemplate, spec.Name, pool.Name, 1), model.IPPool{})
	node.InstanceID = uuid.Nil.String()
	node.Role = bootstrap.Worker
	if pool.ControlPlane() {
		node.Role = bootstrap.ControlPlane
	}
	node.Endpoint = spec.Endpoint().Bootstrap()
	node.MAC, _ = MACAddress(netip.Addr{}, uuid.Nil, func(string) bool { return false })
	return node
}

// Document is the part of a node's documents that follows from the spec and the IP
// pool.
func Document(spec *model.ClusterSpec, pool model.NodePool, name string, ip model.IPPool) bootstrap.Node {
	node := bootstrap.Node{
		ClusterName:       spec.Name,
		Name:              name,
		KubernetesVersion: spec.VersionOf(pool),
		Gateway:           ip.Addresses.Gateway,
		SearchDomains:     ip.Record.SearchDomains,
		PodCIDR:           spec.PodCIDR,
		ServiceCIDR:       spec.ServiceCIDR,
		DHCP:              spec.DHCP(),
		SSHAuthorizedKeys: spec.SSHAuthorizedKeys,
		NTPServers:        spec.NTPServers,
		Settings:          spec.Settings,
		Setup:             pool.Setup,
		Registry:          spec.Registry,

		ExternalCloudProvider: spec.HasCPI(),
	}
	for _, text := range ip.Record.Nameservers {
		// What is not an address stays the zero address, which no node takes.
		server, _ := netip.ParseAddr(text)
		node.Nameservers = append(node.Nameservers, server)
	}
	node.Proxy = proxyOf(spec)
	return node
}

// proxyOf is the proxy of the spec as documents have it; nil for none.
func proxyOf(spec *model.ClusterSpec) *bootstrap.Proxy {
	proxy := spec.Proxy
	if proxy == nil {
		return nil
	}
	return &bootstrap.Proxy{
		HTTP:          proxy.HTTP,
		HTTPS:         proxy.HTTPS,
		NoProxy:       proxy.NoProxy,
		CACertificate: proxy.CACertificate,
	}
}

// LoadBalancerDocument is the part of a load balancer's documents that follows from the spec.
func LoadBalancerDocument(spec *model.ClusterSpec, name string) bootstrap.LoadBalancer {
	return bootstrap.LoadBalancer{
		ClusterName:       spec.Name,
		Name:              name,
		KubernetesVersion: spec.KubernetesVersion,
		HAProxyImage:      spec.HAProxyImage(),
		HostName:          spec.LoadBalancer.HostName,
		SSHAuthorizedKeys: spec.SSHAuthorizedKeys,
		NTPServers:        spec.NTPServers,
		Proxy:             proxyOf(spec),
		Registry:          spec.Registry,
	}
}

// documentFields are the fields of a spec that the fields of a node's documents
// come from.
var documentFields = map[string]model.FieldName{
	"ClusterName":         model.FieldClusterName,
	"Name":                model.FieldClusterName,
	"KubernetesVersion":   model.FieldKubernetes,
	"PodCIDR":             model.FieldPodCIDR,
	"ServiceCIDR":         model.FieldServiceCIDR,
	"SSHAuthorizedKeys":   model.FieldSSHKeys,
	"NTPServers":          model.FieldNTPServers,
	"Proxy.HTTP":          model.FieldProxyHTTP,
	"Proxy.HTTPS":         model.FieldProxyHTTPS,
	"Proxy.NoProxy":       model.FieldNoProxy,
	"Proxy.CACertificate": model.FieldProxyCertificate,

	"Registry.Mirrors":       model.FieldMirrors,
	"Registry.CACertificate": model.FieldRegistryCA,
	"Registry.Repository":    model.FieldImageRepository,
	"Registry.Username":      model.FieldRegistryUsername,
	"Registry.SandboxImage":  model.FieldSandboxImage,
	"Registry.KubeVIPImage":  model.FieldKubeVIPImage,

	"Endpoint":          model.FieldLoadBalancer,
	"Endpoint.HostName": model.FieldHostName,
	"HostName":          model.FieldHostName,
	"HAProxyImage":      model.FieldHAProxyImage,

	"Setup":                  model.FieldSetup,
	"Settings":               model.FieldComponents,
	"Settings.AuditPolicy":   model.FieldAuditPolicy,
	"Settings.KubeletConfig": model.FieldKubelet,
}

// documentField maps a field of a node's documents to the spec. Addresses, router
// and name servers are what the IP pool says.
func documentField(field string, ref model.PlacementRef, pool model.NodePool) model.Field {
	name, element, _ := strings.Cut(field, "[")
	known, ok := documentFields[name]
	if !ok {
		return ref.Field(model.FieldIPPool)
	}
	switch known {
	case model.FieldKubernetes:
		return versionField(pool)
	case model.FieldSetup:
		return model.NodePoolField(pool.Name, known)
	}
	out := model.ClusterField(known)
	if n, ok := parseIndex(element); ok {
		out.Element = model.At(n)
	}
	return out
}

// documentWords names a field of the spec, or the IP pool that a value comes from.
func documentWords(field model.Field, ip model.IPPool) string {
	if field.Name == model.FieldIPPool {
		return fmt.Sprintf("IP pool %q", ip.Record.Name)
	}
	return "the " + field.String()
}

// parseIndex reads the `3]` of a list element.
func parseIndex(text string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "]"))
	return n, err == nil
}
