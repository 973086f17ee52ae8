// Package kubeadm reads the files that a node's bootstrap leaves behind as
// kubeadm and kubelet read them, and refuses what they refuse. Its types are
// its own: nothing here is shared with what renders those files.
package kubeadm

import (
	"net"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Arg is one command line argument of a component.
type Arg struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// BootstrapToken is a token that init creates.
type BootstrapToken struct {
	Token       string           `json:"token"`
	Description string           `json:"description"`
	TTL         *metav1.Duration `json:"ttl"`
	Expires     *metav1.Time     `json:"expires"`
	Usages      []string         `json:"usages"`
	Groups      []string         `json:"groups"`
}

// Registration is how a node registers itself.
type Registration struct {
	Name      string
	CRISocket string
	Taints    []corev1.Taint
	// DefaultTaints is true where the document left taints out, which is not the
	// same as an empty list.
	DefaultTaints bool
	KubeletArgs   []Arg
	// Labels are those of the kubelet argument node-labels.
	Labels map[string]string
	// NodeIP is the kubelet argument node-ip.
	NodeIP netip.Addr
	// Patches is the directory of kubeadm's patches; empty: there are none.
	Patches string
	// MaxPods is what kubelet's configuration says; 0: its default.
	MaxPods int64

	ignore     []string
	pullPolicy string
}

// KubeletArg returns an argument of the kubelet.
func (r Registration) KubeletArg(name string) string {
	for _, a := range r.KubeletArgs {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// Endpoint is host:port of an API.
type Endpoint struct {
	Host string
	Port uint16
}

// String is how a client writes it.
func (e Endpoint) String() string { return net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port))) }

// Addr returns the endpoint's address, when it is one.
func (e Endpoint) Addr() (netip.AddrPort, bool) {
	addr, err := netip.ParseAddr(e.Host)
	return netip.AddrPortFrom(addr, e.Port), err == nil
}

// Init is the configuration of `kubeadm init`.
type Init struct {
	KubernetesVersion string // without a leading v
	ClusterName       string
	Endpoint          Endpoint
	Advertise         netip.Addr // zero: the node's default address
	BindPort          uint16
	PodSubnets        []netip.Prefix
	ServiceSubnets    []netip.Prefix
	CertSANs          []string
	Node              Registration
	Tokens            []BootstrapToken
	SkipPhases        []string
	ImageRepository   string // empty: kubeadm's own
	NoProxy, NoDNS    bool
	CertificateKey    string
	// ClusterDocument is the ClusterConfiguration as it was given; kubeadm
	// uploads it.
	ClusterDocument string
	// KubeletDocument is the KubeletConfiguration as it was given; empty: none was.
	KubeletDocument string
	Warnings        []string
}

// Join is the configuration of `kubeadm join`.
type Join struct {
	Endpoint     Endpoint
	Token        string
	TLSToken     string
	CACertHashes []string
	SkipCACheck  bool
	Node         Registration
	ControlPlane *JoinControlPlane
	Warnings     []string
}

// JoinControlPlane is set where a control-plane node joins.
type JoinControlPlane struct {
	Advertise      netip.Addr
	BindPort       uint16
	CertificateKey string
}

type networking struct {
	ServiceSubnet string `json:"serviceSubnet"`
	PodSubnet     string `json:"podSubnet"`
	DNSDomain     string `json:"dnsDomain"`
}

type imageMeta struct {
	ImageRepository string `json:"imageRepository"`
	ImageTag        string `json:"imageTag"`
}

type hostPathMount struct {
	Name      string `json:"name"`
	HostPath  string `json:"hostPath"`
	MountPath string `json:"mountPath"`
	ReadOnly  bool   `json:"readOnly"`
	PathType  string `json:"pathType"`
}

type externalEtcd struct {
	Endpoints []string `json:"endpoints"`
	CAFile    string   `json:"caFile"`
	CertFile  string   `json:"certFile"`
	KeyFile   string   `json:"keyFile"`
}

type apiEndpoint struct {
	AdvertiseAddress string `json:"advertiseAddress"`
	BindPort         int32  `json:"bindPort"`
}

type patches struct {
	Directory string `json:"directory"`
}

func (p *patches) directory() string {
	if p == nil {
		return ""
	}
	return p.Directory
}

type discovery struct {
	BootstrapToken *struct {
		Token                    string   `json:"token"`
		APIServerEndpoint        string   `json:"apiServerEndpoint"`
		CACertHashes             []string `json:"caCertHashes"`
		UnsafeSkipCAVerification bool     `json:"unsafeSkipCAVerification"`
	} `json:"bootstrapToken"`
	File *struct {
		KubeConfigPath string `json:"kubeConfigPath"`
	} `json:"file"`
	TLSBootstrapToken string `json:"tlsBootstrapToken"`
}

type joinControlPlane struct {
	LocalAPIEndpoint apiEndpoint `json:"localAPIEndpoint"`
	CertificateKey   string      `json:"certificateKey"`
}

// cluster is what matters of a ClusterConfiguration.
type cluster struct {
	networking      networking
	version         string
	endpoint        string
	imageRepository string
	certSANs        []string
	certificatesDir string
	name            string
	externalEtcd    *externalEtcd
	args            map[string][]Arg
	noProxy, noDNS  bool
}
