package kubeadm

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The documents of kubeadm.k8s.io/v1beta3, the only version that kubeadm 1.22
// to 1.30 reads.

type v1beta3Cluster struct {
	metav1.TypeMeta      `json:",inline"`
	Etcd                 v1beta3Etcd      `json:"etcd"`
	Networking           networking       `json:"networking"`
	KubernetesVersion    string           `json:"kubernetesVersion"`
	ControlPlaneEndpoint string           `json:"controlPlaneEndpoint"`
	APIServer            v1beta3APIServer `json:"apiServer"`
	ControllerManager    v1beta3Component `json:"controllerManager"`
	Scheduler            v1beta3Component `json:"scheduler"`
	DNS                  imageMeta        `json:"dns"`
	CertificatesDir      string           `json:"certificatesDir"`
	ImageRepository      string           `json:"imageRepository"`
	FeatureGates         map[string]bool  `json:"featureGates"`
	ClusterName          string           `json:"clusterName"`
}

type v1beta3Component struct {
	ExtraArgs    map[string]string `json:"extraArgs"`
	ExtraVolumes []hostPathMount   `json:"extraVolumes"`
}

type v1beta3APIServer struct {
	v1beta3Component       `json:",inline"`
	CertSANs               []string         `json:"certSANs"`
	TimeoutForControlPlane *metav1.Duration `json:"timeoutForControlPlane"`
}

type v1beta3Etcd struct {
	Local *struct {
		imageMeta      `json:",inline"`
		DataDir        string            `json:"dataDir"`
		ExtraArgs      map[string]string `json:"extraArgs"`
		ServerCertSANs []string          `json:"serverCertSANs"`
		PeerCertSANs   []string          `json:"peerCertSANs"`
	} `json:"local"`
	External *externalEtcd `json:"external"`
}

type v1beta3Registration struct {
	Name                  string            `json:"name"`
	CRISocket             string            `json:"criSocket"`
	Taints                []corev1.Taint    `json:"taints"`
	KubeletExtraArgs      map[string]string `json:"kubeletExtraArgs"`
	IgnorePreflightErrors []string          `json:"ignorePreflightErrors"`
	ImagePullPolicy       string            `json:"imagePullPolicy"`
}

type v1beta3Init struct {
	metav1.TypeMeta  `json:",inline"`
	BootstrapTokens  []BootstrapToken    `json:"bootstrapTokens"`
	NodeRegistration v1beta3Registration `json:"nodeRegistration"`
	LocalAPIEndpoint apiEndpoint         `json:"localAPIEndpoint"`
	CertificateKey   string              `json:"certificateKey"`
	SkipPhases       []string            `json:"skipPhases"`
	Patches          *patches            `json:"patches"`
}

type v1beta3Join struct {
	metav1.TypeMeta  `json:",inline"`
	NodeRegistration v1beta3Registration `json:"nodeRegistration"`
	CACertPath       string              `json:"caCertPath"`
	Discovery        struct {
		discovery `json:",inline"`
		Timeout   *metav1.Duration `json:"timeout"`
	} `json:"discovery"`
	ControlPlane *joinControlPlane `json:"controlPlane"`
	SkipPhases   []string          `json:"skipPhases"`
	Patches      *patches          `json:"patches"`
}

func (r v1beta3Registration) normal() Registration {
	n := Registration{
		Name:          r.Name,
		CRISocket:     r.CRISocket,
		Taints:        r.Taints,
		DefaultTaints: r.Taints == nil,
		ignore:        r.IgnorePreflightErrors,
		pullPolicy:    r.ImagePullPolicy,
	}
	for name, value := range r.KubeletExtraArgs {
		n.KubeletArgs = append(n.KubeletArgs, Arg{Name: name, Value: value})
	}
	return n
}

func (c v1beta3Cluster) normal() cluster {
	n := cluster{
		networking:      c.Networking,
		version:         c.KubernetesVersion,
		endpoint:        c.ControlPlaneEndpoint,
		certSANs:        c.APIServer.CertSANs,
		certificatesDir: c.CertificatesDir,
		name:            c.ClusterName,
		externalEtcd:    c.Etcd.External,
		args:            map[string][]Arg{},
	}
	components := map[string]map[string]string{
		"apiServer": c.APIServer.ExtraArgs, "controllerManager": c.ControllerManager.ExtraArgs, "scheduler": c.Scheduler.ExtraArgs,
	}
	if c.Etcd.Local != nil {
		components["etcd.local"] = c.Etcd.Local.ExtraArgs
	}
	for component, args := range components {
		for name, value := range args {
			n.args[component] = append(n.args[component], Arg{Name: name, Value: value})
		}
	}
	return n
}
