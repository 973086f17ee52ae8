package bootstrap

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const (
	kubeVIPImage    = "ghcr.io/kube-vip/kube-vip:v1.0.0"
	kubeVIPManifest = "/etc/kubernetes/manifests/kube-vip.yaml"
	kubeVIPHosts    = "/etc/gantry/kube-vip.hosts"
	adminConf       = "/etc/kubernetes/admin.conf"
	kubeVIPConf     = "/etc/gantry/kube-vip.conf"
)

// VIPLease is the Lease in kube-system of the kube-vip that holds the VIP. A holder that
// cannot renew it for VIPRenewDeadline, which it tries every VIPRetryPeriod, lets go of the
// address; another one takes it when it has not been renewed for vipLeaseDuration.
const (
	VIPLease         = "plndr-cp-lock"
	VIPRenewDeadline = 10 * time.Second
	VIPRetryPeriod   = 2 * time.Second
	vipLeaseDuration = 15 * time.Second
)

// kubeVIP renders the static pod that holds the cluster's virtual address.
func (n Node) kubeVIP() ([]byte, error) {
	kubeconfig := adminConf
	if n.Role == FirstControlPlane {
		// admin.conf has no rights until kubeadm init has bound them, which it does
		// through this very address before kubernetes #138449 (1.37, and patches of
		// 1.36 and 1.35): this is the bootstrap script's link, which leads to
		// super-admin.conf until init has ended (kube-vip/kube-vip #684).
		kubeconfig = kubeVIPConf
	}
	// File, not FileOrCreate: a file that kubelet creates would be empty, and
	// kubeadm refuses to use it. Until kubeadm has written it, the pod waits.
	file := corev1.HostPathFile
	hostFile := func(name, path string) corev1.Volume {
		return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: path, Type: &file},
		}}
	}
	priority := int32(2000001000)
	pod := corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: "kube-vip", Namespace: metav1.NamespaceSystem},
		Spec: corev1.PodSpec{
			HostNetwork:       true,
			PriorityClassName: "system-node-critical",
			Priority:          &priority,
			Containers: []corev1.Container{{
				Name:            "kube-vip",
				Image:           n.Registry.KubeVIP(),
				ImagePullPolicy: corev1.PullIfNotPresent,
				Args:            []string{"manager"},
				Env:             n.kubeVIPEnvironment(),
				SecurityContext: &corev1.SecurityContext{Capabilities: &corev1.Capabilities{
					Add:  []corev1.Capability{"NET_ADMIN", "NET_RAW"},
					Drop: []corev1.Capability{"ALL"},
				}},
				VolumeMounts: []corev1.VolumeMount{
					{Name: "kubeconfig", MountPath: adminConf, ReadOnly: true},
					{Name: "hosts", MountPath: "/etc/hosts", ReadOnly: true},
				},
			}},
			Volumes: []corev1.Volume{hostFile("kubeconfig", kubeconfig), hostFile("hosts", kubeVIPHosts)},
		},
	}
	data, err := yaml.Marshal(pod)
	if err != nil {
		return nil, fmt.Errorf("kube-vip manifest of node %s: %w", n.Name, err)
	}
	return data, nil
}

func (n Node) kubeVIPEnvironment() []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "vip_arp", Value: "true"},
		{Name: "address", Value: n.Endpoint.Address.String()},
		{Name: "port", Value: strconv.Itoa(APIServerPort)},
		// The address alone, not the node's network: a wider prefix would add a
		// second route to that network.
		{Name: "vip_subnet", Value: strconv.Itoa(n.Endpoint.Address.BitLen())},
		{Name: "vip_nodename", Value: n.Name},
		{Name: "cp_enable", Value: "true"},
		{Name: "cp_namespace", Value: metav1.NamespaceSystem},
		// Service addresses by the same process are behind most split brains.
		{Name: "svc_enable", Value: "false"},
		{Name: "vip_leaderelection", Value: "true"},
		{Name: "vip_leasename", Value: VIPLease},
		{Name: "vip_leaseduration", Value: seconds(vipLeaseDuration)},
		{Name: "vip_renewdeadline", Value: seconds(VIPRenewDeadline)},
		{Name: "vip_retryperiod", Value: seconds(VIPRetryPeriod)},
	}
}

// kubeVIPHostsFile makes kube-vip reach this node's own API server by the name
// "kubernetes", which its certificate carries. A file, because hostAliases broke
// static pods on some versions.
func (n Node) kubeVIPHostsFile() string {
	loopback := "127.0.0.1"
	if n.Address.Addr().Is6() {
		loopback = "::1"
	}
	return loopback + " localhost kubernetes\n"
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
