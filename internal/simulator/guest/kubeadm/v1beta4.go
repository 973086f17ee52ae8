package kubeadm

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The documents of kubeadm.k8s.io/v1beta4, which kubeadm reads from 1.31 on.

type v1beta4Cluster struct {
	metav1.TypeMeta      `json:",inline"`
	Etcd                 v1beta4Etcd      `json:"etcd"`
	Networking           networking       `json:"networking"`
	KubernetesVersion    string           `json:"kubernetesVersion"`
	ControlPlaneEndpoint string           `json:"controlPlaneEndpoint"`
	APIServer            v1beta4APIServer `json:"apiServer"`
	ControllerManager    v1beta4Component `json:"controllerManager"`
	Scheduler            v1beta4Component `json:"scheduler"`
	DNS                  struct {
		imageMeta `json:",inline"`
		Disabled  bool `json:"disabled"`
	} `json:"dns"`
	Proxy struct {
		Disabled bool `json:"disabled"`
	} `json:"proxy"`
	CertificatesDir             string           `json:"certificatesDir"`
	ImageRepository             string           `json:"imageRepository"`
	FeatureGates                map[string]bool  `json:"featureGates"`
	ClusterName                 string           `json:"clusterName"`
	EncryptionAlgorithm         string           `json:"encryptionAlgorithm"`
	CertificateValidityPeriod   *metav1.Duration `json:"certificateValidityPeriod"`
	CACertificateValidityPeriod *metav1.Duration `json:"caCertificateValidityPeriod"`
}

type v1beta4Component struct {
	ExtraArgs    []Arg           `json:"extraArgs"`
	ExtraVolumes []hostPathMount `json:"extraVolumes"`
	ExtraEnvs    []corev1.EnvVar `json:"extraEnvs"`
}

type v1beta4APIServer struct {
	v1beta4Component `json:",inline"`
	CertSANs         []string `json:"certSANs"`
}

type v1beta4Etcd struct {
	Local *struct {
		imageMeta      `json:",inline"`
		DataDir        string          `json:"dataDir"`
		ExtraArgs      []Arg           `json:"extraArgs"`
		ExtraEnvs      []corev1.EnvVar `json:"extraEnvs"`
		ServerCertSANs []string        `json:"serverCertSANs"`
		PeerCertSANs   []string        `json:"peerCertSANs"`
	} `json:"local"`
	External *externalEtcd `json:"external"`
}

type v1beta4Registration struct {
	Name                  string         `json:"name"`
	CRISocket             string         `json:"criSocket"`
	Taints                []corev1.Taint `json:"taints"`
	KubeletExtraArgs      []Arg          `json:"kubeletExtraArgs"`
	IgnorePreflightErrors []string       `json:"ignorePreflightErrors"`
	ImagePullPolicy       string         `json:"imagePullPolicy"`
	ImagePullSerial       *bool          `json:"imagePullSerial"`
}

type v1beta4Timeouts struct {
	ControlPlaneComponentHealthCheck *metav1.Duration `json:"controlPlaneComponentHealthCheck"`
	KubeletHealthCheck               *metav1.Duration `json:"kubeletHealthCheck"`
	KubernetesAPICall                *metav1.Duration `json:"kubernetesAPICall"`
	EtcdAPICall                      *metav1.Duration `json:"etcdAPICall"`
	TLSBootstrap                     *metav1.Duration `json:"tlsBootstrap"`
	Discovery                        *metav1.Duration `json:"discovery"`
	UpgradeManifests                 *metav1.Duration `json:"upgradeManifests"`
}

type v1beta4Init struct {
	metav1.TypeMeta  `json:",inline"`
	BootstrapTokens  []BootstrapToken    `json:"bootstrapTokens"`
	DryRun           bool                `json:"dryRun"`
	NodeRegistration v1beta4Registration `json:"nodeRegistration"`
	LocalAPIEndpoint apiEndpoint         `json:"localAPIEndpoint"`
	CertificateKey   string              `json:"certificateKey"`
	SkipPhases       []string            `json:"skipPhases"`
	Patches          *patches            `json:"patches"`
	Timeouts         *v1beta4Timeouts    `json:"timeouts"`
}

type v1beta4Join struct {
	metav1.TypeMeta  `json:",inline"`
	DryRun           bool                `json:"dryRun"`
	NodeRegistration v1beta4Registration `json:"nodeRegistration"`
	CACertPath       string              `json:"caCertPath"`
	Discovery        discovery           `json:"discovery"`
	ControlPlane     *joinControlPlane   `json:"controlPlane"`
	SkipPhases       []string            `json:"skipPhases"`
	Patches          *patches            `json:"patches"`
	Timeouts         *v1beta4Timeouts    `json:"timeouts"`
}

func (r v1beta4Registration) normal() Registration {
	return Registration{
		Name:          r.Name,
		CRISocket:     r.CRISocket,
		Taints:        r.Taints,
		DefaultTaints: r.Taints == nil,
		KubeletArgs:   r.KubeletExtraArgs,
		ignore:        r.IgnorePreflightErrors,
		pullPolicy:    r.ImagePullPolicy,
	}
}

func (c v1beta4Cluster) normal() cluster {
	n := cluster{
		networking:      c.Networking,
		version:         c.KubernetesVersion,
		endpoint:        c.ControlPlaneEndpoint,
		imageRepository: c.ImageRepository,
		certSANs:        c.APIServer.CertSANs,
		certificatesDir: c.CertificatesDir,
		name:            c.ClusterName,
		externalEtcd:    c.Etcd.External,
		noProxy:         c.Proxy.Disabled,
		noDNS:           c.DNS.Disabled,
		args: map[string][]Arg{
			"apiServer": c.APIServer.ExtraArgs, "controllerManager": c.ControllerManager.ExtraArgs, "scheduler": c.Scheduler.ExtraArgs,
		},
	}
	if c.Etcd.Local != nil {
		n.args["etcd.local"] = c.Etcd.Local.ExtraArgs
	}
	return n
}
