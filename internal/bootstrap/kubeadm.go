package bootstrap

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	// kubeadmAPI is what kubeadm reads from 1.31 on, and the only format from 1.36 on
	// (kubernetes #136016).
	kubeadmAPI = "kubeadm.k8s.io/v1beta4"

	criSocket = "unix:///run/containerd/containerd.sock"
	dnsDomain = "cluster.local"

	// discoveryTimeout covers the time that the API needs to sign a new token.
	discoveryTimeout = "5m0s"
	// controlPlaneTimeout is how long kubeadm waits for the control plane before it
	// gives up on the node for good. Four minutes, its own, are too few for a slow disk.
	controlPlaneTimeout = "10m0s"
)

type apiEndpoint struct {
	AdvertiseAddress string `json:"advertiseAddress"`
	BindPort         int    `json:"bindPort"`
}

type nodeRegistration struct {
	Name             string     `json:"name"`
	CRISocket        string     `json:"criSocket"`
	KubeletExtraArgs []argument `json:"kubeletExtraArgs"`
	// Taints is nil for kubeadm's default and empty for none.
	Taints *[]string `json:"taints,omitempty"`
}

type argument struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type bootstrapToken struct {
	Description string   `json:"description"`
	TTL         string   `json:"ttl"`
	Usages      []string `json:"usages"`
	Groups      []string `json:"groups"`
}

type initConfiguration struct {
	APIVersion       string           `json:"apiVersion"`
	Kind             string           `json:"kind"`
	BootstrapTokens  []bootstrapToken `json:"bootstrapTokens"`
	NodeRegistration nodeRegistration `json:"nodeRegistration"`
	LocalAPIEndpoint apiEndpoint      `json:"localAPIEndpoint"`
	Patches          *patches         `json:"patches,omitempty"`
	Timeouts         timeouts         `json:"timeouts"`
}

type clusterConfiguration struct {
	APIVersion           string     `json:"apiVersion"`
	Kind                 string     `json:"kind"`
	ClusterName          string     `json:"clusterName"`
	KubernetesVersion    string     `json:"kubernetesVersion"`
	ImageRepository      string     `json:"imageRepository,omitempty"`
	ControlPlaneEndpoint string     `json:"controlPlaneEndpoint"`
	Networking           networking `json:"networking"`
	APIServer            apiServer  `json:"apiServer"`

	ControllerManager controlPlaneComponent `json:"controllerManager"`
	Scheduler         controlPlaneComponent `json:"scheduler"`

	CertificateValidityPeriod string `json:"certificateValidityPeriod,omitempty"`
}

type networking struct {
	DNSDomain     string `json:"dnsDomain"`
	PodSubnet     string `json:"podSubnet"`
	ServiceSubnet string `json:"serviceSubnet"`
}

type apiServer struct {
	controlPlaneComponent `json:",inline"`
	CertSANs              []string `json:"certSANs"`
}

type kubeletConfiguration struct {
	APIVersion         string `json:"apiVersion"`
	Kind               string `json:"kind"`
	CgroupDriver       string `json:"cgroupDriver"`
	RotateCertificates bool   `json:"rotateCertificates"`
	ServerTLSBootstrap bool   `json:"serverTLSBootstrap"`

	PodPIDsLimit                   int      `json:"podPidsLimit"`
	SeccompDefault                 bool     `json:"seccompDefault"`
	StreamingConnectionIdleTimeout string   `json:"streamingConnectionIdleTimeout"`
	TLSCipherSuites                []string `json:"tlsCipherSuites"`
}

type joinConfiguration struct {
	APIVersion       string            `json:"apiVersion"`
	Kind             string            `json:"kind"`
	NodeRegistration nodeRegistration  `json:"nodeRegistration"`
	Discovery        discovery         `json:"discovery"`
	ControlPlane     *joinControlPlane `json:"controlPlane,omitempty"`
	Patches          *patches          `json:"patches,omitempty"`
	Timeouts         timeouts          `json:"timeouts"`
}

type discovery struct {
	BootstrapToken bootstrapTokenDiscovery `json:"bootstrapToken"`
}

type bootstrapTokenDiscovery struct {
	Token             string   `json:"token"`
	APIServerEndpoint string   `json:"apiServerEndpoint"`
	CACertHashes      []string `json:"caCertHashes"`
}

type joinControlPlane struct {
	LocalAPIEndpoint apiEndpoint `json:"localAPIEndpoint"`
	CertificateKey   string      `json:"certificateKey"`
}

type timeouts struct {
	ControlPlaneComponentHealthCheck string `json:"controlPlaneComponentHealthCheck"`
	Discovery                        string `json:"discovery,omitempty"`
}

// kubelet is what all kubelets of a cluster have in common.
func kubelet() kubeletConfiguration {
	return kubeletConfiguration{
		APIVersion:         "kubelet.config.k8s.io/v1beta1",
		Kind:               "KubeletConfiguration",
		CgroupDriver:       "systemd",
		RotateCertificates: true,
		// As many as other distributions allow by default; kubelet has no limit of its own,
		// and one pod could take all process ids of its node.
		PodPIDsLimit:   4096,
		SeccompDefault: true,
		// Kubelet's own default, which kubeadm would write as 0.
		StreamingConnectionIdleTimeout: "4h0m0s",
		TLSCipherSuites:                strongCiphers,
	}
}

// KubeletConfiguration renders what all kubelets of a cluster have in common, as kubeadm
// init stores it in the cluster.
func KubeletConfiguration() ([]byte, error) { return documents(kubelet()) }

// kubeadm renders the configuration that kubeadm init or join is given.
func (n Node) kubeadm() ([]byte, error) {
	if n.Role == FirstControlPlane {
		return documents(n.initConfiguration(), n.clusterConfiguration(), kubelet())
	}
	return documents(n.joinConfiguration())
}

func (n Node) initConfiguration() initConfiguration {
	return initConfiguration{
		APIVersion: kubeadmAPI,
		Kind:       "InitConfiguration",
		// Left out, kubeadm makes a token that lets anyone join for a day. This one
		// signs no cluster-info, is in a group without rights and gone within the
		// minute; tokens to join with are made through the API when needed.
		// (kubeadm takes no token that only signs: it adds its group by default and
		// then refuses a group without authentication.)
		BootstrapTokens: []bootstrapToken{{
			Description: "Placeholder of kubeadm init that cannot be joined with",
			TTL:         "1m0s",
			Usages:      []string{"authentication"},
			Groups:      []string{"system:bootstrappers:gantry:no-rights"},
		}},
		NodeRegistration: n.nodeRegistration(),
		LocalAPIEndpoint: n.localAPIEndpoint(),
		Patches:          n.patches(),
		Timeouts:         timeouts{ControlPlaneComponentHealthCheck: controlPlaneTimeout},
	}
}

func (n Node) clusterConfiguration() clusterConfiguration {
	cluster := clusterConfiguration{
		APIVersion:           kubeadmAPI,
		Kind:                 "ClusterConfiguration",
		ClusterName:          n.ClusterName,
		KubernetesVersion:    n.release(),
		ImageRepository:      n.Registry.Repository,
		ControlPlaneEndpoint: n.Endpoint.hostPort(),
		Networking:           networking{DNSDomain: dnsDomain, PodSubnet: n.PodCIDR, ServiceSubnet: n.ServiceCIDR},
		APIServer:            apiServer{n.Settings.apiServer(n.Setup.Files), []string{n.Endpoint.Host()}},
		ControllerManager:    component(hardenedControllerManager(), n.Settings.ControllerManager, n.Setup.Files),
		Scheduler:            component(hardenedScheduler(), n.Settings.Scheduler, n.Setup.Files),
	}
	if n.CertificateValidity > 0 {
		cluster.CertificateValidityPeriod = n.CertificateValidity.String()
	}
	return cluster
}

func (n Node) joinConfiguration() joinConfiguration {
	join := joinConfiguration{
		APIVersion:       kubeadmAPI,
		Kind:             "JoinConfiguration",
		NodeRegistration: n.nodeRegistration(),
		Discovery: discovery{BootstrapToken: bootstrapTokenDiscovery{
			Token:             n.Token,
			APIServerEndpoint: n.Endpoint.hostPort(),
			CACertHashes:      []string{n.CAHash},
		}},
		Patches:  n.patches(),
		Timeouts: timeouts{ControlPlaneComponentHealthCheck: controlPlaneTimeout, Discovery: discoveryTimeout},
	}
	if n.Role == ControlPlane {
		join.ControlPlane = &joinControlPlane{LocalAPIEndpoint: n.localAPIEndpoint(), CertificateKey: n.CertificateKey}
	}
	return join
}

func (n Node) localAPIEndpoint() apiEndpoint {
	return apiEndpoint{AdvertiseAddress: n.ownAddress(), BindPort: APIServerPort}
}

func (n Node) nodeRegistration() nodeRegistration {
	registration := nodeRegistration{
		Name:             n.Name,
		CRISocket:        criSocket,
		KubeletExtraArgs: n.kubeletArguments(),
	}
	if n.Role.controlsPlane() && n.Schedulable {
		registration.Taints = &[]string{}
	}
	return registration
}

func (n Node) kubeletArguments() []argument {
	arguments := Arguments{}
	if !n.DHCP || n.Role.controlsPlane() {
		// Without it kubelet may pick the virtual address while it holds that. A worker with
		// a lease has none, and goes on with whatever lease it has: kubelet looks for its
		// address again and again.
		arguments["node-ip"] = n.ownAddress()
	}
	if n.ExternalCloudProvider {
		// The controller manager needs no such argument: without one it leaves the
		// controllers of a cloud to the cloud provider.
		arguments["cloud-provider"] = "external"
	}
	if len(n.NodeLabels) > 0 {
		labels := make([]string, 0, len(n.NodeLabels))
		for _, key := range slices.Sorted(maps.Keys(n.NodeLabels)) {
			labels = append(labels, key+"="+n.NodeLabels[key])
		}
		arguments["node-labels"] = strings.Join(labels, ",")
	}
	// The users' come first: none may take the place of these.
	return merged(merged(nil, n.Settings.Kubelet), arguments)
}

// documents joins values into one YAML stream.
func documents(values ...any) ([]byte, error) {
	var stream bytes.Buffer
	for i, value := range values {
		if i > 0 {
			stream.WriteString("---\n")
		}
		data, err := yaml.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("kubeadm configuration: %w", err)
		}
		stream.Write(data)
	}
	return stream.Bytes(), nil
}
