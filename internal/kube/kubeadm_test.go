package kube_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

const clusterConfiguration = `apiServer:
  certSANs:
  - 10.10.183.5
  extraArgs:
  - name: profiling
    value: "true"
  extraVolumes:
  - hostPath: /var/log
    mountPath: /var/log
    name: log
apiVersion: kubeadm.k8s.io/v1beta4
imageRepository: mirror.example.com/k8s
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
networking:
  podSubnet: 172.20.0.0/16
`

// updatedConfiguration is what it becomes.
const updatedConfiguration = `apiServer:
  certSANs:
  - 10.10.183.5
  extraArgs:
  - name: profiling
    value: "false"
apiVersion: kubeadm.k8s.io/v1beta4
imageRepository: mirror.example.com/k8s
kind: ClusterConfiguration
kubernetesVersion: v1.37.2
networking:
  podSubnet: 172.20.0.0/16
scheduler:
  extraArgs:
  - name: v
    value: "2"
`

// ourConfig is what is written.
var ourConfig = model.KubeadmConfig{
	Version:  "1.37.2",
	Settings: "s1",
	Kubelet:  []byte(ourKubelet),
	Components: []byte(`apiServer:
  extraArgs: [{name: profiling, value: "false"}]
scheduler:
  extraArgs: [{name: v, value: "2"}]
`),
}

const kubeletConfiguration = `apiVersion: kubelet.config.k8s.io/v1beta1
cgroupDriver: cgroupfs
clusterDNS:
- 10.96.0.10
kind: KubeletConfiguration
maxPods: 250
`

const ourKubelet = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
rotateCertificates: true
tlsCipherSuites:
- TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
`

func systemConfigMap(name, key, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name}, Data: map[string]string{key: value},
	}
}

// kubeadmMade are the ConfigMaps of a cluster of 1.36.3.
func kubeadmMade() []runtime.Object {
	return []runtime.Object{
		systemConfigMap("kubeadm-config", "ClusterConfiguration", clusterConfiguration),
		systemConfigMap("kubelet-config", "kubelet", kubeletConfiguration),
	}
}

func configOf(t *testing.T, clients *fake.Clientset, name, key string) string {
	t.Helper()
	m, err := clients.CoreV1().ConfigMaps("kube-system").Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return m.Data[key]
}

func TestUpdateKubeadmConfigKeepsWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(kubeadmMade()...)
	api := kube.NewForClients(clients)
	if facts, err := api.Kubeadm(t.Context()); err != nil || facts != (model.KubeadmFacts{Version: "1.36.3", ImageRepository: byHand}) {
		t.Fatalf("before: %+v (%v)", facts, err)
	}
	for range 2 {
		if err := api.UpdateKubeadmConfig(t.Context(), ourConfig); err != nil {
			t.Fatal(err)
		}
	}
	want := model.KubeadmFacts{Version: "1.37.2", Ours: true, Settings: "s1", ImageRepository: byHand}
	if facts, err := api.Kubeadm(t.Context()); err != nil || facts != want {
		t.Errorf("after: %+v (%v)", facts, err)
	}
	if got := configOf(t, clients, "kubeadm-config", "ClusterConfiguration"); got != updatedConfiguration {
		t.Errorf("kubeadm-config:\n%s", got)
	}
	kubelet := configOf(t, clients, "kubelet-config", "kubelet")
	for _, words := range []string{"cgroupDriver: systemd", "rotateCertificates: true", "maxPods: 250", "- 10.96.0.10", "- TLS_ECDHE"} {
		if !strings.Contains(kubelet, words) {
			t.Errorf("kubelet-config has no %q:\n%s", words, kubelet)
		}
	}
	updates := 0
	for _, action := range clients.Actions() {
		if action.GetVerb() == "update" {
			updates++
		}
	}
	if updates != 2 {
		t.Errorf("%d updates of two ConfigMaps", updates)
	}
}

// TestUpgradeByHandIsToldFromOurs raises the version in kubeadm-config after Gantry has
// written another one.
func TestUpgradeByHandIsToldFromOurs(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(kubeadmMade()...)
	api := kube.NewForClients(clients)
	config := ourConfig
	config.Version = "1.36.4"
	if err := api.UpdateKubeadmConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	maps := clients.CoreV1().ConfigMaps("kube-system")
	m, err := maps.Get(t.Context(), "kubeadm-config", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.Data["ClusterConfiguration"] = strings.Replace(clusterConfiguration, "v1.36.3", "v1.37.2", 1)
	if _, err := maps.Update(t.Context(), m, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	want := model.KubeadmFacts{Version: "1.37.2", Settings: config.Settings, ImageRepository: byHand}
	if facts, err := api.Kubeadm(t.Context()); err != nil || facts != want {
		t.Errorf("%+v (%v)", facts, err)
	}
}

func TestUpdateKubeadmConfigMakesTheRightsOfNewerVersions(t *testing.T) {
	t.Parallel()
	// One has more rights than kubeadm gave, another less.
	more := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "ops"}
	objects := append(kubeadmMade(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kubeadm:nodes-kubeadm-config"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "kubeadm:nodes-kubeadm-config"},
		Subjects:   []rbacv1.Subject{more},
	}, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kubeadm:kubelet-config"}})
	clients := fake.NewClientset(objects...)
	if err := kube.NewForClients(clients).UpdateKubeadmConfig(t.Context(), ourConfig); err != nil {
		t.Fatal(err)
	}
	binding, err := clients.RbacV1().ClusterRoleBindings().Get(t.Context(), "kubeadm:apiserver-kubelet-client", metav1.GetOptions{})
	if err != nil || binding.RoleRef.Name != "system:kubelet-api-admin" || binding.Subjects[0].Name != "kube-apiserver-kubelet-client" {
		t.Errorf("of the API servers: %+v (%v)", binding, err)
	}
	nodes, err := clients.RbacV1().RoleBindings("kube-system").Get(t.Context(), "kubeadm:nodes-kubeadm-config", metav1.GetOptions{})
	if err != nil || len(nodes.Subjects) != 3 || nodes.Subjects[0] != more {
		t.Errorf("of kubeadm-config: %+v (%v)", nodes, err)
	}
	role, err := clients.RbacV1().Roles("kube-system").Get(t.Context(), "kubeadm:kubelet-config", metav1.GetOptions{})
	if err != nil || len(role.Rules) != 1 || role.Rules[0].ResourceNames[0] != "kubelet-config" {
		t.Errorf("of kubelet-config: %+v (%v)", role, err)
	}
}

// A document that no supported kubeadm reads is not written over.
func TestUpdateKubeadmConfigRefusesAnotherFormat(t *testing.T) {
	t.Parallel()
	for document, words := range map[string]string{
		strings.Replace(clusterConfiguration, "v1beta4", "v1beta3", 1): "kubeadm config migrate",
		"kind: [": "not valid",
		"":        "empty",
	} {
		clients := fake.NewClientset(
			systemConfigMap("kubeadm-config", "ClusterConfiguration", document),
			systemConfigMap("kubelet-config", "kubelet", kubeletConfiguration),
		)
		api := kube.NewForClients(clients)
		if facts, err := api.Kubeadm(t.Context()); err != nil || facts.Version != "" {
			t.Errorf("%+v (%v)", facts, err)
		}
		err := api.UpdateKubeadmConfig(t.Context(), ourConfig)
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("got %v, want %q", err, words)
		}
		if got := configOf(t, clients, "kubeadm-config", "ClusterConfiguration"); got != document {
			t.Errorf("written over:\n%s", got)
		}
	}
}
