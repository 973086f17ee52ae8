package bootstrap

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// APIServerPort is where every API server and the control-plane endpoint listen.
const APIServerPort = 6443

// Role is a node's part in its cluster's bootstrap.
type Role string

// The roles. A cluster has exactly one FirstControlPlane in its life: the only
// node that ever runs kubeadm init.
const (
	FirstControlPlane Role = "first-control-plane"
	ControlPlane      Role = "control-plane"
	Worker            Role = "worker"
)

// controlsPlane reports whether the role runs control-plane components.
func (r Role) controlsPlane() bool { return r == FirstControlPlane || r == ControlPlane }

// Node is everything that a node's documents are made of.
type Node struct {
	// ClusterName is the cluster's name in its kubeadm configuration.
	ClusterName string
	// Name is the node's host name and its name in Kubernetes.
	Name string
	// InstanceID is the virtual machine's instance UUID. It must never change
	// after the first boot: cloud-init takes a new one for a new machine and
	// runs everything again.
	InstanceID string
	// Role decides between kubeadm init and join.
	Role Role
	// KubernetesVersion is the cluster's version, as "1.37.2".
	KubernetesVersion string

	// MAC is the address of the node's network card, in lower case.
	MAC string
	// DHCP has the node take a lease of IPv4. Address, Gateway, Nameservers and SearchDomains
	// come with it and are not set here.
	DHCP bool
	// Address is the node's static address with its network's prefix length.
	Address netip.Prefix
	// Gateway is the default router: in the network of Address, link-local in IPv6, or an
	// address of IPv4 outside that is on the node's segment all the same.
	Gateway netip.Addr
	// Nameservers are asked in order.
	Nameservers []netip.Addr
	// SearchDomains complete short names.
	SearchDomains []string
	// Endpoint is where the cluster's API is reached; never at a node's own address.
	Endpoint Endpoint
	// PodCIDR and ServiceCIDR are the cluster's inner networks.
	PodCIDR, ServiceCIDR string

	// NodeLabels are those that kubelet registers the node with. It may set only
	// a few by itself, the topology labels among them.
	NodeLabels map[string]string
	// Schedulable leaves a control-plane node without its taint.
	Schedulable bool

	// ExternalCloudProvider has kubelet leave the node tainted until a cloud provider,
	// which runs in the cluster, has initialized it.
	ExternalCloudProvider bool

	// CertificateValidity is how long the certificates of a control plane are valid that
	// kubeadm makes; 0 for its year. With another the timer that renews them runs every
	// minute: it is for tests that live through their end.
	CertificateValidity time.Duration

	// Settings are what users ask of the components of Kubernetes.
	Settings Settings
	// Setup is what users have done on the node beside its bootstrap.
	Setup Setup

	// SecretKeys are those by which the API server of a control-plane node reads Secrets in
	// etcd; it writes them with the first. None: Secrets are in clear text.
	SecretKeys []SecretKey

	// SSHAuthorizedKeys are let in as the image's default user.
	SSHAuthorizedKeys []string
	// NTPServers replace the image's time sources.
	NTPServers []string
	// Proxy is how the node reaches image registries, nil for directly.
	Proxy *Proxy
	// Registry is what it asks for images, and where its own come from.
	Registry Registry

	// Authorities go to the first control-plane node, and only there.
	Authorities *pki.Authorities
	// Restore is the snapshot that the first control-plane node begins with; nil: none.
	Restore *Restore
	// Token and CAHash let a node join: a bootstrap token and the pin of the
	// cluster's CA.
	Token, CAHash string
	// CertificateKey lets a joining control-plane node decrypt the authorities.
	CertificateKey string
}

// Proxy is an HTTP proxy that nodes go through to reach registries.
type Proxy struct {
	// HTTP and HTTPS are the proxy's URLs for either scheme.
	HTTP, HTTPS string
	// NoProxy lists more destinations to reach directly, separated by commas.
	// The cluster's own networks are always among them.
	NoProxy string
	// CACertificate, in PEM, is trusted by the whole node.
	CACertificate string
}

// String names the node without its secrets.
func (n Node) String() string { return fmt.Sprintf("%s node %s of %s", n.Role, n.Name, n.ClusterName) }

// GoString keeps secrets out of %#v.
func (n Node) GoString() string { return n.String() }

// String keeps credentials in proxy URLs out of logs and errors.
func (Proxy) String() string { return "bootstrap.Proxy(redacted)" }

// GoString keeps credentials out of %#v.
func (p Proxy) GoString() string { return p.String() }
