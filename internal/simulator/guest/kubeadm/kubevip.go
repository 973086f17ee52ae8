package kubeadm

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/strictyaml"
)

// KubeVIPManifest is where kubelet finds kube-vip's static pod.
const KubeVIPManifest = "/etc/kubernetes/manifests/kube-vip.yaml"

// Kubeconfigs that kubeadm writes on a control-plane node. super-admin.conf
// exists only where init ran; until init has bound admin.conf's group to a role,
// it is the only one with rights.
const (
	AdminConf      = "/etc/kubernetes/admin.conf"
	SuperAdminConf = "/etc/kubernetes/super-admin.conf"
)

// KubeVIPConf is the link that the bootstrap script makes where init runs. It
// leads to super-admin.conf until init has ended, and to admin.conf from then on.
const KubeVIPConf = "/etc/gantry/kube-vip.conf"

// KubeVIP is a kube-vip static pod.
type KubeVIP struct {
	Address    netip.Addr
	Port       string
	Kubeconfig string // the file of the host that it mounts
	Pod        *corev1.Pod
}

// ParseKubeVIP reads the manifest of kube-vip's static pod.
func ParseKubeVIP(raw []byte) (*KubeVIP, error) {
	pod := &corev1.Pod{}
	if err := strictyaml.Unmarshal(raw, pod); err != nil {
		return nil, fmt.Errorf("can't read static pod manifest: %w", err)
	}
	switch {
	case pod.APIVersion != "v1" || pod.Kind != "Pod":
		return nil, fmt.Errorf("can't read static pod manifest: %s %s is not a v1 Pod", pod.APIVersion, pod.Kind)
	case pod.Name == "" || pod.Namespace != "kube-system":
		return nil, fmt.Errorf("static pod %q must be in namespace kube-system", pod.Name)
	case len(pod.Spec.Containers) != 1:
		return nil, fmt.Errorf("static pod %q has %d containers", pod.Name, len(pod.Spec.Containers))
	case !pod.Spec.HostNetwork:
		return nil, fmt.Errorf("static pod %q is not on the host network: the VIP would be the pod's", pod.Name)
	}
	c := pod.Spec.Containers[0]
	if c.Image == "" {
		return nil, fmt.Errorf("static pod %q: spec.containers[0].image: Required value", pod.Name)
	}
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	for _, name := range []string{"cp_enable", "vip_arp"} {
		if env[name] != "true" {
			return nil, fmt.Errorf("kube-vip: env %s is not true: it would not hold the control plane's address", name)
		}
	}
	if !mayChangeNetwork(c) {
		return nil, errors.New("kube-vip: the container lacks the capability NET_ADMIN: netlink: operation not permitted")
	}
	v := &KubeVIP{Port: env["port"], Pod: pod}
	if v.Port == "" {
		v.Port = "6443"
	}
	var err error
	if v.Address, err = netip.ParseAddr(env["address"]); err != nil {
		return nil, fmt.Errorf("kube-vip: env address: %q is not an address", env["address"])
	}
	v.Kubeconfig, err = mountedKubeconfig(pod)
	return v, err
}

func mayChangeNetwork(c corev1.Container) bool {
	s := c.SecurityContext
	if s == nil {
		return false
	}
	if s.Privileged != nil && *s.Privileged {
		return true
	}
	return s.Capabilities != nil && slices.Contains(s.Capabilities.Add, "NET_ADMIN")
}

// mountedKubeconfig finds the host's kubeconfig behind the path where kube-vip
// looks for its own.
func mountedKubeconfig(pod *corev1.Pod) (string, error) {
	volumes := map[string]string{}
	for _, v := range pod.Spec.Volumes {
		if v.HostPath != nil {
			volumes[v.Name] = v.HostPath.Path
		}
	}
	for _, m := range pod.Spec.Containers[0].VolumeMounts {
		if m.MountPath != AdminConf {
			continue
		}
		path, ok := volumes[m.Name]
		if !ok {
			return "", fmt.Errorf("static pod %q: volumeMounts: no hostPath volume %q", pod.Name, m.Name)
		}
		return path, nil
	}
	return "", fmt.Errorf("kube-vip: nothing is mounted at %s: stat %s: no such file or directory", AdminConf, AdminConf)
}

// CheckVolumes checks that every file which a volume insists on is there.
// The kubeconfig is CheckKubeconfig's.
func (v *KubeVIP) CheckVolumes(exists func(path string) bool) error {
	for _, volume := range v.Pod.Spec.Volumes {
		h := volume.HostPath
		if h == nil || h.Type == nil || *h.Type != corev1.HostPathFile || h.Path == v.Kubeconfig {
			continue
		}
		if !exists(h.Path) {
			return fmt.Errorf("MountVolume.SetUp failed for volume %q: hostPath type check failed: %s is not a file", volume.Name, h.Path)
		}
	}
	return nil
}

// CheckKubeconfig checks that kube-vip can hold the address from the start: where init
// runs, only super-admin.conf has rights before the end of init (kube-vip/kube-vip #684);
// where a node joins, only admin.conf exists.
func (v *KubeVIP) CheckKubeconfig(first bool) error {
	switch {
	case first && (v.Kubeconfig == KubeVIPConf || v.Kubeconfig == SuperAdminConf), !first && v.Kubeconfig == AdminConf:
		return nil
	case first && v.Kubeconfig == AdminConf:
		return errors.New("kube-vip: leases.coordination.k8s.io \"plndr-cp-lock\" is forbidden: User \"kubernetes-admin\" " +
			"cannot get resource \"leases\" in the namespace \"kube-system\" (admin.conf has no rights before the end of init)")
	}
	return fmt.Errorf("kube-vip: %s: no such file or directory on this node", v.Kubeconfig)
}
