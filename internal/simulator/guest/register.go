package guest

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

const controlPlaneRole = "node-role.kubernetes.io/control-plane"

// nodeObject returns the Node as its kubelet registers it.
func (g *guest) nodeObject(n *node, r kubeadm.Registration, version kubeadm.Version) *corev1.Node {
	labels := map[string]string{
		"kubernetes.io/hostname": n.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		"beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64",
	}
	for k, v := range r.Labels {
		labels[k] = v
	}
	taints := slices.Clone(r.Taints)
	if n.controlPlane {
		taints = nil // kubeadm sets them, with the role
	}
	annotations := map[string]string{
		"kubeadm.alpha.kubernetes.io/cri-socket":                 "unix:///run/containerd/containerd.sock",
		"volumes.kubernetes.io/controller-managed-attach-detach": "true",
	}
	addresses := []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: n.address.String()}, {Type: corev1.NodeHostName, Address: n.name},
	}
	if r.KubeletArg("cloud-provider") == "external" {
		if r.NodeIP.IsValid() {
			annotations[kubeapi.AnnotationProvidedIP] = r.NodeIP.String()
		} else {
			addresses = addresses[1:] // the cloud provider is to say which
		}
		taints = append(taints, corev1.Taint{Key: kubeapi.TaintUninitialized, Value: "true", Effect: corev1.TaintEffectNoSchedule})
	}
	// The API server's admission adds it to every new node, so that nothing is
	// bound before the node has a network.
	taints = append(taints, corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule})
	capacity := capacityOf(r)
	kubelet := version.String()
	if tool, err := kubeadm.ParseVersion(g.vm.KubernetesVersion); err == nil {
		kubelet = tool.String()
	}
	return &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: labels, Annotations: annotations},
		Spec:       corev1.NodeSpec{Taints: taints, ProviderID: r.KubeletArg("provider-id")},
		Status: corev1.NodeStatus{
			Capacity:        capacity,
			Allocatable:     capacity,
			Addresses:       addresses,
			DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: 10250}},
			NodeInfo: corev1.NodeSystemInfo{
				MachineID:               g.vm.UUID,
				SystemUUID:              g.vm.BIOSUUID,
				BootID:                  g.vm.ID,
				KernelVersion:           "6.8.0",
				OSImage:                 "Gantry simulated node",
				ContainerRuntimeVersion: "containerd://2.0.0",
				KubeletVersion:          "v" + kubelet,
				Architecture:            "amd64",
				OperatingSystem:         "linux",
			},
		},
	}
}

// markControlPlane sets the role and the taints of a control-plane node, as kubeadm's phase
// mark-control-plane does.
func markControlPlane(o *kubeapi.Object, r kubeadm.Registration) error {
	var n corev1.Node
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &n); err != nil {
		return err
	}
	n.Labels[controlPlaneRole] = ""
	n.Labels["node.kubernetes.io/exclude-from-external-load-balancers"] = ""
	taints := r.Taints
	if r.DefaultTaints {
		taints = []corev1.Taint{{Key: controlPlaneRole, Effect: corev1.TaintEffectNoSchedule}}
	}
	for _, taint := range taints {
		if !slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.MatchTaint(&taint) }) {
			n.Spec.Taints = append(n.Spec.Taints, taint)
		}
	}
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&n)
	if err != nil {
		return err
	}
	o.Object = m
	return nil
}

// capacityOf is what kubelet says that its node has.
func capacityOf(r kubeadm.Registration) corev1.ResourceList {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("8Gi"),
		corev1.ResourcePods: resource.MustParse("110"), corev1.ResourceEphemeralStorage: resource.MustParse("50Gi"),
	}
	if r.MaxPods > 0 {
		capacity[corev1.ResourcePods] = *resource.NewQuantity(r.MaxPods, resource.DecimalSI)
	}
	return capacity
}

// registration returns the node's object, ready for the store.
func (n *node) registration() *kubeapi.Object {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(n.object.DeepCopy())
	if err != nil {
		panic("guest: a Node is no Kubernetes object: " + err.Error())
	}
	return &kubeapi.Object{Object: m}
}

// defaultRepository is where kubeadm takes images from, unless it is told otherwise.
const defaultRepository = "registry.k8s.io"

// staticPods returns the static pods of a control-plane node, of the images of a repository.
func staticPods(version kubeadm.Version, n *node, repository string) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, component := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		image := cmp.Or(repository, defaultRepository) + "/" + component + ":v" + version.String()
		var annotations map[string]string
		if component == "etcd" {
			image = cmp.Or(repository, defaultRepository) + "/etcd:" + images[version.Minor].etcd
			at := netip.AddrPortFrom(n.advertise.Addr(), etcdPort)
			annotations = map[string]string{"kubeadm.kubernetes.io/etcd.advertise-client-urls": "https://" + at.String()}
		}
		pods = append(pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: component, Namespace: metav1.NamespaceSystem,
				Labels:      map[string]string{"component": component, "tier": "control-plane"},
				Annotations: annotations,
			},
			Spec: corev1.PodSpec{
				HostNetwork: true, PriorityClassName: "system-node-critical",
				Containers:  []corev1.Container{{Name: component, Image: image, Command: []string{component}}},
				Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}},
			},
		})
	}
	if n.vip != nil {
		pods = append(pods, n.vip.Pod)
	}
	return pods
}
