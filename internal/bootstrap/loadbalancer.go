package bootstrap

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// DefaultHAProxyImage is what a load balancer runs where users name no other.
const DefaultHAProxyImage = "docker.io/library/haproxy:3.0.10"

var errNotHostName = errors.New("not a DNS name of lower-case letters, digits and dashes, with at most 63 characters before its first dot")

// LoadBalancer is everything that the documents of a cluster's load balancer are made of: a
// virtual machine of the node image whose kubelet stands alone and runs HAProxy.
type LoadBalancer struct {
	// ClusterName is the name of the cluster, and Name that of the virtual machine.
	ClusterName, Name string
	// InstanceID is the virtual machine's instance UUID, as a node's.
	InstanceID string
	// MAC is the address of its network card, in lower case. Its lease follows from it.
	MAC string
	// KubernetesVersion is that of the image's kubelet.
	KubernetesVersion string
	// HAProxyImage is what kubelet runs.
	HAProxyImage string
	// HostName is the name in dynamic DNS, by whose first label it asks for its lease; empty:
	// it asks by its own name.
	HostName string
	// CACertificate, in PEM, is the cluster's authority, by which API servers are verified.
	CACertificate []byte
	// SSHAuthorizedKeys are let in as the image's default user.
	SSHAuthorizedKeys []string
	// NTPServers replace the image's time sources.
	NTPServers []string
	// Proxy is how it reaches image registries, nil for directly.
	Proxy *Proxy
	// Registry is what it asks for images.
	Registry Registry
}

// String names the load balancer without its secrets.
func (lb LoadBalancer) String() string { return "load balancer " + lb.Name + " of " + lb.ClusterName }

// GoString keeps secrets out of %#v.
func (lb LoadBalancer) GoString() string { return lb.String() }

// CheckLoadBalancer returns the errors of a load balancer, except for the cluster's
// authority: those that a plan can report before anything is created.
func CheckLoadBalancer(lb LoadBalancer) []*FieldError {
	var p problems
	lb.validateIdentity(&p)
	lb.access().validateAccess(&p)
	return p.fields()
}

func (lb LoadBalancer) validate() error {
	var p problems
	lb.validateIdentity(&p)
	lb.access().validateAccess(&p)
	lb.Registry.validateLogin(&p)
	if block, _ := pem.Decode(lb.CACertificate); block == nil || block.Type != "CERTIFICATE" || !text(string(lb.CACertificate)) {
		p.add("CACertificate", "a load balancer verifies API servers by the cluster's authority, and this is no PEM certificate")
	}
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("load balancer %q cannot be bootstrapped: %w", lb.Name, errors.Join(p...))
}

// access is what a load balancer has in common with a node.
func (lb LoadBalancer) access() Node {
	return Node{Name: lb.Name, SSHAuthorizedKeys: lb.SSHAuthorizedKeys, NTPServers: lb.NTPServers, Proxy: lb.Proxy, Registry: lb.Registry}
}

func (lb LoadBalancer) validateIdentity(p *problems) {
	n := Node{ClusterName: lb.ClusterName, Name: lb.Name, InstanceID: lb.InstanceID, Role: Worker, KubernetesVersion: lb.KubernetesVersion}
	n.validateIdentity(p)
	if !macPattern.MatchString(lb.MAC) {
		p.add("MAC", "%q is not the MAC address of a network card", lb.MAC)
	}
	if err := CheckImage(lb.HAProxyImage); err != nil {
		p.add("HAProxyImage", "%q is %v", lb.HAProxyImage, err)
	}
	if lb.HostName != "" {
		if err := CheckHostName(lb.HostName); err != nil {
			p.add("HostName", "%q is %v", lb.HostName, err)
		}
	}
}

// CheckImage returns an error for what is no reference of an image with a registry, as
// kubelet and crictl take it without looking anything up.
func CheckImage(reference string) error {
	registry, rest, found := strings.Cut(reference, "/")
	if !found || !imagePattern.MatchString(rest) || !strings.ContainsAny(registry, ".:") && registry != "localhost" ||
		len(validation.IsDNS1123Subdomain(strings.ToLower(hostOf(registry)))) > 0 {
		return errors.New("not an image with its registry and a tag or a digest, such as " + DefaultHAProxyImage)
	}
	return nil
}

// hostOf is the registry without its port.
func hostOf(registry string) string {
	host, port, found := strings.Cut(registry, ":")
	if found && (port == "" || !isPort(port)) {
		return ""
	}
	return host
}

// Backends is what BackendsKey holds for the addresses of a control plane's nodes: each once,
// in order, with commas between them.
func Backends(addresses []netip.Addr) (string, error) {
	sorted, err := backends(addresses)
	if err != nil {
		return "", err
	}
	texts := make([]string, 0, len(sorted))
	for _, address := range sorted {
		texts = append(texts, address.String())
	}
	return strings.Join(texts, ","), nil
}

// maxBackends is far beyond any control plane: a longer list is an error of the caller.
const maxBackends = 32

// backends are addresses that a load balancer may have, in order.
func backends(addresses []netip.Addr) ([]netip.Addr, error) {
	if len(addresses) == 0 || len(addresses) > maxBackends {
		return nil, fmt.Errorf("a load balancer has between 1 and %d backends, not %d", maxBackends, len(addresses))
	}
	sorted := slices.SortedFunc(slices.Values(addresses), netip.Addr.Compare)
	for i, address := range sorted {
		switch {
		case !isLease(address):
			return nil, fmt.Errorf("%s is not an address of IPv4 that a load balancer can have as a backend", address)
		case i > 0 && address == sorted[i-1]:
			return nil, fmt.Errorf("the backend %s is in the list twice", address)
		}
	}
	return sorted, nil
}
