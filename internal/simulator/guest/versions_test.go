package guest_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// setConfig replaces a part of a ConfigMap of kube-system.
func (s *site) setConfig(name, key, before, after string) {
	s.t.Helper()
	maps := s.clientset(vip).CoreV1().ConfigMaps("kube-system")
	m, err := maps.Get(s.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	if !strings.Contains(m.Data[key], before) {
		s.t.Fatalf("no %q in %s:\n%s", before, name, m.Data[key])
	}
	m.Data[key] = strings.Replace(m.Data[key], before, after, 1)
	if _, err := maps.Update(s.t.Context(), m, metav1.UpdateOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

func (m *machine) of(version string) *machine {
	m.vm.KubernetesVersion = version
	return m
}

// An upgrade goes through kubeadm-config, the control plane and the workers, in that
// order; at each point the guests refuse what comes too early.
func TestVersionsOfAnUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	first := s.first("cp-1", address(11)).of("1.36.3")
	first.kubeadm[0]["kubernetesVersion"] = "v1.36.3"
	s.joins(first)
	s.putToken(time.Now().Add(time.Hour))
	s.putCertificates(certificateKey, true)
	s.joins(s.worker("w-old", address(20)).of("1.34.2"))

	s.refuses(s.worker("w-early", address(21)).of("1.37.2"), "kubelet version is higher than the control plane version")
	s.refuses(s.controlPlane("cp-early", address(31)).of("1.37.2"), "higher than the control plane version")
	s.setConfig("kubeadm-config", "ClusterConfiguration", "v1.36.3", "v1.37.2")
	s.refuses(s.controlPlane("cp-late", address(32)).of("1.36.3"), "cannot make a control-plane node")
	s.refuses(s.worker("w-soon", address(22)).of("1.37.2"), "is newer than the API server of cp-1, v1.36.3")
	s.refuses(s.worker("w-ancient", address(23)).of("1.33.5"), "more than 3 minor versions older")
	s.joins(s.controlPlane("cp-2", address(12)).of("1.37.2"))
	s.joins(s.worker("w-behind", address(24)).of("1.36.3"))

	nodes, err := s.clientset(vip).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"cp-1": "v1.36.3", "cp-2": "v1.37.2", "w-old": "v1.34.2", "w-behind": "v1.36.3"}
	for _, n := range nodes.Items {
		if n.Status.NodeInfo.KubeletVersion != want[n.Name] {
			t.Errorf("%s is of %s", n.Name, n.Status.NodeInfo.KubeletVersion)
		}
	}
	if len(nodes.Items) != len(want) {
		t.Errorf("%d nodes", len(nodes.Items))
	}
}

// A configuration that was written wrongly keeps nodes out.
func TestJoinReadsTheStoredConfigurations(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	s.putToken(time.Now().Add(time.Hour))
	s.setConfig("kubeadm-config", "ClusterConfiguration", "controlPlaneEndpoint", "controlPlaneEndpoints")
	s.refuses(s.worker("w-1", address(21)), "unknown field")
	s.setConfig("kubeadm-config", "ClusterConfiguration", "controlPlaneEndpoints", "controlPlaneEndpoint")
	s.setConfig("kubelet-config", "kubelet", "systemd", "cgroupfs")
	s.refuses(s.worker("w-2", address(22)), "cgroup driver")
	s.setConfig("kubelet-config", "kubelet", "cgroupfs", "systemd")
	s.joins(s.worker("w-3", address(23)))
}

// A control-plane node joins with what the first one was told, and needs its files.
func TestJoinNeedsWhatTheAPIServerReads(t *testing.T) {
	t.Parallel()
	const policy = "/etc/gantry/audit.yaml"
	s := newSite(t, guest.Options{})
	first := s.first("cp-1", address(11))
	first.kubeadm[0]["apiServer"] = audited(policy)
	first.files[policy] = "a policy"
	s.joins(first)
	s.putToken(time.Now().Add(time.Hour))
	s.putCertificates(certificateKey, true)
	s.refuses(s.controlPlane("cp-without", address(31)), policy+" is not a file")
	s.joins(s.worker("w-1", address(21)))
	second := s.controlPlane("cp-2", address(12))
	second.files[policy] = "a policy"
	s.joins(second)
}

// The add-ons are as kubeadm makes them.
func TestAddonsOfInit(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	first := s.first("cp-1", address(11)).of("1.36.3")
	first.kubeadm[0]["kubernetesVersion"] = "v1.36.3"
	s.joins(first)
	apps := s.clientset(vip).AppsV1()
	proxy, err := apps.DaemonSets("kube-system").Get(t.Context(), "kube-proxy", metav1.GetOptions{})
	if err != nil || proxy.Spec.Template.Spec.Containers[0].Image != "registry.k8s.io/kube-proxy:v1.36.3" {
		t.Errorf("kube-proxy: %+v (%v)", proxy.Spec.Template.Spec.Containers, err)
	}
	dns, err := apps.Deployments("kube-system").Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := dns.Spec.Template.Spec
	if c := pod.Containers[0]; c.Name != "coredns" || c.Image != "registry.k8s.io/coredns/coredns:v1.14.2" ||
		pod.Volumes[0].ConfigMap.Items[0].Key != "Corefile" {
		t.Errorf("coredns: %+v", pod)
	}
	version, err := s.clientset(vip).Discovery().ServerVersion()
	if err != nil || version.GitVersion != "v1.36.3" {
		t.Errorf("the API is of %+v (%v)", version, err)
	}
}
