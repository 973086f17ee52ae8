package kubeadm

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// kubeletLabels are the labels of the kubernetes.io and k8s.io namespaces that
// a kubelet may put on its own node. Everything else in those namespaces,
// above all node-role.kubernetes.io, is for the API alone.
var kubeletLabels = []string{
	"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os",
	"beta.kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/instance-type",
	"node.kubernetes.io/instance-type",
	"topology.kubernetes.io/zone", "topology.kubernetes.io/region",
	"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
}

// kubeletFlags are the command line flags that each kubelet of 1.31 to 1.37
// has and that make sense in kubeletExtraArgs. An unknown flag keeps the
// kubelet from starting.
var kubeletFlags = []string{
	"address", "anonymous-auth", "cert-dir", "cgroup-driver", "cgroup-root", "cloud-provider",
	"cluster-dns", "cluster-domain", "config", "config-dir", "container-log-max-files", "container-log-max-size",
	"container-runtime-endpoint", "cpu-manager-policy", "enforce-node-allocatable", "event-qps", "eviction-hard",
	"eviction-soft", "eviction-soft-grace-period", "fail-swap-on", "feature-gates", "healthz-bind-address",
	"hostname-override", "image-credential-provider-bin-dir", "image-credential-provider-config",
	"image-gc-high-threshold", "image-gc-low-threshold", "image-service-endpoint", "kube-api-qps", "kube-api-burst",
	"kube-reserved", "make-iptables-util-chains", "max-pods", "node-ip", "node-labels",
	"pod-max-pids", "protect-kernel-defaults", "provider-id", "read-only-port",
	"register-with-taints", "resolv-conf", "root-dir", "rotate-certificates", "rotate-server-certificates",
	"runtime-request-timeout", "seccomp-default", "serialize-image-pulls", "streaming-connection-idle-timeout",
	"system-reserved", "tls-cipher-suites", "tls-min-version", "topology-manager-policy", "v", "volume-plugin-dir",
}

// check validates a registration and reads labels and address out of the
// kubelet's arguments.
func (r *Registration) check() error {
	if r.Name != "" {
		if problems := validation.IsDNS1123Subdomain(r.Name); len(problems) > 0 || len(r.Name) > 63 {
			return fmt.Errorf("nodeRegistration.name: %q is not a valid node name", r.Name)
		}
	}
	if r.CRISocket != "" && !strings.HasPrefix(r.CRISocket, "unix://") && !strings.HasPrefix(r.CRISocket, "/") {
		return fmt.Errorf("nodeRegistration.criSocket: %q is not a unix socket", r.CRISocket)
	}
	if r.pullPolicy != "" && !slices.Contains([]string{"Always", "IfNotPresent", "Never"}, r.pullPolicy) {
		return fmt.Errorf("nodeRegistration.imagePullPolicy: unknown policy %q", r.pullPolicy)
	}
	for _, t := range r.Taints {
		if err := CheckTaint(t); err != nil {
			return fmt.Errorf("nodeRegistration.taints: %w", err)
		}
	}
	for _, a := range r.KubeletArgs {
		if !slices.Contains(kubeletFlags, a.Name) {
			return fmt.Errorf("the kubelet is not running: unknown flag: --%s", a.Name)
		}
	}
	if provider := r.KubeletArg("cloud-provider"); provider != "" && provider != "external" {
		return fmt.Errorf("the kubelet is not running: unsupported cloud provider %q", provider)
	}
	if text := r.KubeletArg("node-ip"); text != "" {
		first, _, _ := strings.Cut(text, ",")
		addr, err := netip.ParseAddr(first)
		if err != nil {
			return fmt.Errorf("the kubelet is not running: bad --node-ip %q", text)
		}
		r.NodeIP = addr
	}
	return r.readLabels()
}

func (r *Registration) readLabels() error {
	text := r.KubeletArg("node-labels")
	if text == "" {
		return nil
	}
	r.Labels = map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("the kubelet is not running: invalid argument %q for \"--node-labels\" flag: malformed pair, "+
				"expect string=string", pair)
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if problems := validation.IsQualifiedName(key); len(problems) > 0 {
			return fmt.Errorf("the kubelet is not running: --node-labels: key %q: %s", key, problems[0])
		}
		if problems := validation.IsValidLabelValue(value); len(problems) > 0 {
			return fmt.Errorf("the kubelet is not running: --node-labels: value %q: %s", value, problems[0])
		}
		if !kubeletMaySet(key) {
			return fmt.Errorf("the kubelet is not running: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [%s]", key)
		}
		r.Labels[key] = value
	}
	return nil
}

func kubeletMaySet(key string) bool {
	namespace, _, prefixed := strings.Cut(key, "/")
	if !prefixed {
		return true
	}
	under := func(domain string) bool { return namespace == domain || strings.HasSuffix(namespace, "."+domain) }
	if !under("kubernetes.io") && !under("k8s.io") {
		return true
	}
	return under("kubelet.kubernetes.io") || under("node.kubernetes.io") || slices.Contains(kubeletLabels, key)
}

// CheckTaint validates a taint as the API does.
func CheckTaint(t corev1.Taint) error {
	if problems := validation.IsQualifiedName(t.Key); len(problems) > 0 {
		return fmt.Errorf("key %q: %s", t.Key, problems[0])
	}
	if problems := validation.IsValidLabelValue(t.Value); len(problems) > 0 {
		return fmt.Errorf("value %q: %s", t.Value, problems[0])
	}
	switch t.Effect {
	case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
		return nil
	}
	return fmt.Errorf("invalid taint effect %q", t.Effect)
}
