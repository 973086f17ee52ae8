package guest

import (
	"cmp"
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// images are the tags of what kubeadm of a minor version installs beside Kubernetes.
var images = map[int]struct{ etcd, coreDNS string }{
	31: {"3.5.24-0", "v1.11.3"},
	32: {"3.5.24-0", "v1.11.3"},
	33: {"3.5.24-0", "v1.12.0"},
	34: {"3.6.5-0", "v1.12.1"},
	35: {"3.6.6-0", "v1.13.1"},
	36: {"3.6.8-0", "v1.14.2"},
	37: {"3.7.0-0", "v1.14.6"},
}

// defaultKubelet is what kubeadm makes of no KubeletConfiguration.
const defaultKubelet = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupDriver: systemd\n"

// defaultCorefile is the configuration of CoreDNS that kubeadm installs.
const defaultCorefile = `.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
`

// clusterVersion reads what joining nodes read of the cluster, and checks that this
// machine can become one of its nodes.
func (a *nodeClient) clusterVersion(ctx context.Context, tool kubeadm.Version, controlPlane bool) (kubeadm.Version, error) {
	var stored, kubelet corev1.ConfigMap
	if err := a.get(ctx, "/api/v1/namespaces/kube-system/configmaps/kubeadm-config", &stored); err != nil {
		return kubeadm.Version{}, fmt.Errorf("error execution phase preflight: unable to fetch the kubeadm-config ConfigMap: %w", err)
	}
	a.cluster = stored.Data["ClusterConfiguration"]
	version, err := kubeadm.Stored(a.cluster, tool)
	if err != nil {
		return version, fmt.Errorf("error execution phase preflight: unable to fetch the kubeadm-config ConfigMap: %w", err)
	}
	if err := kubeadm.CheckJoin(tool, version, controlPlane); err != nil {
		return version, preflight("KubeletVersion", err)
	}
	if err := a.get(ctx, "/api/v1/namespaces/kube-system/configmaps/kubelet-config", &kubelet); err != nil {
		return version, fmt.Errorf("error execution phase preflight: failed to get component configs: %w", err)
	}
	if err := kubeadm.CheckKubelet(kubelet.Data["kubelet"]); err != nil {
		return version, fmt.Errorf("error execution phase kubelet-start: %w", err)
	}
	return version, nil
}

// checkSkew refuses a kubelet that is newer than an API server of the cluster, which it
// may be led to at any time. Real Kubernetes lets it in and calls it unsupported. World.mu
// is held.
func (c *cluster) checkSkew(n *node) error {
	if n.controlPlane {
		return nil // it asks its own API server
	}
	for _, m := range c.members {
		if server := m.disk.node; server != nil && m.kubelet && server.version.Minor < n.version.Minor {
			return fmt.Errorf("error execution phase kubelet-start: kubelet v%s is newer than the API server of %s, v%s",
				n.version, server.name, server.version)
		}
	}
	return nil
}

// release is the version that the API has: that of the node which holds the VIP.
func (c *cluster) release() string {
	if version, ok := c.serving.Load().(kubeadm.Version); ok {
		return "v" + version.String()
	}
	return "v" + c.version.String()
}

// kubeProxy creates what the phase addon/kube-proxy creates.
func (c *cluster) kubeProxy(repository string) {
	c.configMap("kube-system", "kube-proxy", "config.conf", "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n")
	everywhere := []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	image := fmt.Sprintf("%s/kube-proxy:v%s", cmp.Or(repository, defaultRepository), c.version)
	selector, template := pods("kube-proxy", "kube-proxy", image, everywhere, true)
	c.store.Put(&appsv1.DaemonSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-proxy", Labels: template.Labels},
		Spec:       appsv1.DaemonSetSpec{Selector: selector, Template: template},
	}, kubeapi.DaemonSets)
}

// coreDNS creates what the phase addon/coredns creates, but for its Service.
func (c *cluster) coreDNS(repository string) {
	c.configMap("kube-system", "coredns", "Corefile", defaultCorefile)
	tolerations := []corev1.Toleration{
		{Key: "CriticalAddonsOnly", Operator: corev1.TolerationOpExists}, {Key: controlPlaneRole, Effect: corev1.TaintEffectNoSchedule},
	}
	// Of kubeadm's own repository it is in a folder.
	image := cmp.Or(repository, defaultRepository+"/coredns") + "/coredns:" + images[c.version.Minor].coreDNS
	selector, template := pods("kube-dns", "coredns", image, tolerations, false)
	template.Spec.Volumes = []corev1.Volume{{Name: "config-volume", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: "coredns"},
			Items:                []corev1.KeyToPath{{Key: "Corefile", Path: "Corefile"}},
		},
	}}}
	replicas := int32(2)
	c.store.Put(&appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns", Labels: template.Labels},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: selector, Template: template},
	}, kubeapi.Deployments)
}

func pods(app, container, image string, tolerations []corev1.Toleration, hostNetwork bool) (*metav1.LabelSelector, corev1.PodTemplateSpec) {
	labels := map[string]string{"k8s-app": app}
	return &metav1.LabelSelector{MatchLabels: labels}, corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{
			HostNetwork: hostNetwork, Tolerations: tolerations, NodeSelector: map[string]string{"kubernetes.io/os": "linux"},
			Containers: []corev1.Container{{Name: container, Image: image}},
		},
	}
}
