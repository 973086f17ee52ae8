package model

// KubeadmFacts are what kubeadm keeps in the cluster and has installed in it, by
// versions without a leading v.
type KubeadmFacts struct {
	// Version is that of the ConfigMap kubeadm-config, which each joining node reads.
	// Empty: there is none that can be read.
	Version string
	// Ours reports whether Gantry has written that version, and not kubeadm.
	Ours bool `json:",omitempty"`
	// Settings identifies those of the control plane's components, with the image repository,
	// that Gantry has written there, as BuiltWith does. Empty: they are as kubeadm init was
	// given them.
	Settings string
	// ImageRepository is where it says that images come from; empty: kubeadm's own.
	ImageRepository string `json:",omitempty"`
	// Repositories are the image repositories that Gantry has ever written there or written
	// over, with commas between them.
	Repositories string `json:",omitempty"`
	// KubeProxy and CoreDNS are those of the add-ons that kubeadm has installed. Empty:
	// it has not, or something else manages them by now, and they are left alone.
	KubeProxy string
	CoreDNS   string
	// KubeProxyFrom and CoreDNSFrom are where their images come from; empty as above.
	KubeProxyFrom string `json:",omitempty"`
	CoreDNSFrom   string `json:",omitempty"`
}

// The add-ons of kubeadm, by the names of their objects.
const (
	AddonKubeProxy = "kube-proxy"
	AddonCoreDNS   = "coredns"
)

// The actions of an upgrade.
const (
	ActionUpdateKubeadmConfig Action = "update_kubeadm_config" // target: the cluster; what joining nodes read of its version
	ActionUpdateAddon         Action = "update_addon"          // target: kube-proxy or coredns
)

// UpdateKubeadmConfig writes what joining nodes read for a version of Kubernetes and the
// settings of the control plane's components.
type UpdateKubeadmConfig struct {
	Cluster string
	Version string
	// DropsRepository says that the nodes there are were built with an image repository, and
	// that there is to be none.
	DropsRepository bool
}

// KubeadmConfig is what joining nodes read.
type KubeadmConfig struct {
	Version string
	// Components are what the ClusterConfiguration says of those of the control plane, as a
	// YAML object with its keys, and Settings identifies them.
	Components []byte
	Settings   string
	// ImageRepository is where images come from. Empty: it stays, unless Gantry has written it,
	// or DropsRepository says so; then it is kubeadm's own.
	ImageRepository string
	DropsRepository bool
	// Kubelet are the keys of the KubeletConfiguration that are Gantry's, as YAML.
	Kubelet []byte
}

// UpdateAddon sets the image of an add-on of kubeadm.
type UpdateAddon struct {
	Name string
	AddonImage
}

// AddonImage is what an add-on is to run. A newer version stays.
type AddonImage struct {
	Version string // of the add-on itself; empty: it stays
	From    string // where the image comes from; empty: it stays
}

// Change implements Step.
func (s UpdateKubeadmConfig) Change() Change { return Change{ActionUpdateKubeadmConfig, s.Cluster} }

// Change implements Step.
func (s UpdateAddon) Change() Change { return Change{ActionUpdateAddon, s.Name} }
