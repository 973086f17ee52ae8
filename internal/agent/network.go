package agent

import (
	"encoding/json"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applyrbac "k8s.io/client-go/applyconfigurations/rbac/v1"
)

// The images of the pod network, of one release: both are updated together.
const (
	FlannelImage    = "ghcr.io/flannel-io/flannel:v0.27.4"
	FlannelCNIImage = "ghcr.io/flannel-io/flannel-cni-plugin:v1.8.0-flannel1"
)

const (
	networkNamespace = "kube-flannel"
	networkName      = "kube-flannel-ds"
	networkConfig    = "kube-flannel-cfg"
	networkAccount   = "flannel"

	configDirectory = "/etc/kube-flannel"
	configList      = "10-flannel.conflist"
)

// Network renders the pod network of a gateway: flannel over VXLAN, which needs
// no support by the network between the nodes. podCIDR is kubeadm's podSubnet, from where an
// image comes from.
func Network(podCIDR string, from func(image string) string) ([]string, error) {
	prefix, err := netip.ParsePrefix(podCIDR)
	if err != nil {
		return nil, fmt.Errorf("the network of pods: %w", err)
	}
	config, err := networkConfigMap(prefix)
	if err != nil {
		return nil, err
	}
	account := applycore.ServiceAccount(networkAccount, networkNamespace)
	role := applyrbac.ClusterRole(networkAccount).WithRules(
		applyrbac.PolicyRule().WithAPIGroups("").WithResources("pods").WithVerbs("get"),
		applyrbac.PolicyRule().WithAPIGroups("").WithResources("nodes").WithVerbs("get", "list", "watch"),
		applyrbac.PolicyRule().WithAPIGroups("").WithResources("nodes/status").WithVerbs("patch"),
	)
	binding := applyrbac.ClusterRoleBinding(networkAccount).
		WithRoleRef(applyrbac.RoleRef().WithAPIGroup("rbac.authorization.k8s.io").WithKind("ClusterRole").WithName(networkAccount)).
		WithSubjects(applyrbac.Subject().WithKind("ServiceAccount").WithName(networkAccount).WithNamespace(networkNamespace))
	return render(namespace(networkNamespace, "privileged"), account, role, binding, config, networkDaemons(from))
}

// networkConfigMap returns the configuration of flanneld and the CNI plug-ins.
func networkConfigMap(pods netip.Prefix) (*applycore.ConfigMapApplyConfiguration, error) {
	list, err := json.Marshal(map[string]any{
		"name": "cbr0", "cniVersion": "0.3.1",
		"plugins": []any{
			map[string]any{"type": "flannel", "delegate": map[string]any{"hairpinMode": true, "isDefaultGateway": true}},
			map[string]any{"type": "portmap", "capabilities": map[string]any{"portMappings": true}},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("render the CNI configuration: %w", err)
	}
	network := map[string]any{"Backend": map[string]any{"Type": "vxlan"}}
	if pods.Addr().Is4() {
		network["Network"] = pods.String()
	} else {
		network["EnableIPv4"] = false
		network["EnableIPv6"] = true
		network["IPv6Network"] = pods.String()
	}
	daemon, err := json.Marshal(network)
	if err != nil {
		return nil, fmt.Errorf("render flannel's configuration: %w", err)
	}
	return applycore.ConfigMap(networkConfig, networkNamespace).
		WithData(map[string]string{"cni-conf.json": string(list), "net-conf.json": string(daemon)}), nil
}

// networkDaemons runs flanneld on each node, whatever taints the node has: no
// node is Ready, and no other pod runs, before it does.
func networkDaemons(from func(image string) string) *applyapps.DaemonSetApplyConfiguration {
	labels := map[string]string{"app": "flannel", "k8s-app": "flannel"}
	onHost := func(name, path string) *applycore.VolumeApplyConfiguration {
		return applycore.Volume().WithName(name).WithHostPath(applycore.HostPathVolumeSource().WithPath(path))
	}
	at := func(name, path string) *applycore.VolumeMountApplyConfiguration {
		return applycore.VolumeMount().WithName(name).WithMountPath(path)
	}
	copyFile := func(name, image, from, to string) *applycore.ContainerApplyConfiguration {
		return applycore.Container().WithName(name).WithImage(image).WithCommand("cp").WithArgs("-f", from, to)
	}
	field := func(name, path string) *applycore.EnvVarApplyConfiguration {
		source := applycore.EnvVarSource().WithFieldRef(applycore.ObjectFieldSelector().WithFieldPath(path))
		return applycore.EnvVar().WithName(name).WithValueFrom(source)
	}

	flanneld := applycore.Container().WithName("kube-flannel").WithImage(from(FlannelImage)).
		WithCommand("/opt/bin/flanneld").WithArgs("--ip-masq", "--kube-subnet-mgr").
		WithEnv(field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace")).
		WithResources(applycore.ResourceRequirements().WithRequests(corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("50Mi"),
		})).
		WithSecurityContext(applycore.SecurityContext().WithPrivileged(false).
			WithCapabilities(applycore.Capabilities().WithAdd("NET_ADMIN", "NET_RAW"))).
		WithVolumeMounts(at("run", "/run/flannel"), at("config", configDirectory), at("xtables-lock", "/run/xtables.lock"))

	pod := applycore.PodSpec().WithServiceAccountName(networkAccount).
		WithHostNetwork(true).WithPriorityClassName("system-node-critical").
		WithNodeSelector(map[string]string{"kubernetes.io/os": "linux"}).
		WithTolerations(applycore.Toleration().WithOperator(corev1.TolerationOpExists)).
		WithInitContainers(
			copyFile("install-cni-plugin", from(FlannelCNIImage), "/flannel", "/opt/cni/bin/flannel").
				WithVolumeMounts(at("plugins", "/opt/cni/bin")),
			copyFile("install-cni", from(FlannelImage), configDirectory+"/cni-conf.json", "/etc/cni/net.d/"+configList).
				WithVolumeMounts(at("cni", "/etc/cni/net.d"), at("config", configDirectory)),
		).
		WithContainers(flanneld).
		WithVolumes(
			onHost("run", "/run/flannel"), onHost("plugins", "/opt/cni/bin"), onHost("cni", "/etc/cni/net.d"),
			applycore.Volume().WithName("config").WithConfigMap(applycore.ConfigMapVolumeSource().WithName(networkConfig)),
			applycore.Volume().WithName("xtables-lock").WithHostPath(
				applycore.HostPathVolumeSource().WithPath("/run/xtables.lock").WithType(corev1.HostPathFileOrCreate)),
		)

	return applyapps.DaemonSet(networkName, networkNamespace).WithSpec(applyapps.DaemonSetSpec().
		WithSelector(applymeta.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(applycore.PodTemplateSpec().WithLabels(labels).WithSpec(pod)))
}
