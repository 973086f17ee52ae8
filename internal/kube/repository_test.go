package kube_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

const (
	repository = "r.example.com:5000/k8s"
	byHand     = "mirror.example.com/k8s" // in the fixture
)

func TestAddonsMoveToARepository(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ have, version, want string }{
		"moved":             {"registry.k8s.io/kube-proxy:v1.37.2", "", repository + "/kube-proxy:v1.37.2"},
		"moved and updated": {"registry.k8s.io/kube-proxy:v1.36.3", "1.37.2", repository + "/kube-proxy:v1.37.2"},
		"newer":             {"registry.k8s.io/kube-proxy:v1.38.0", "1.37.2", repository + "/kube-proxy:v1.38.0"},
		"there":             {repository + "/kube-proxy:v1.37.2", "", repository + "/kube-proxy:v1.37.2"},
		"by digest":         {"registry.k8s.io/kube-proxy:v1.37.2@sha256:aa", "", "registry.k8s.io/kube-proxy:v1.37.2@sha256:aa"},
		"of no version":     {"registry.k8s.io/kube-proxy:latest", "1.37.2", "registry.k8s.io/kube-proxy:latest"},
	} {
		clients := fake.NewClientset(kubeProxy(c.have))
		api := kube.NewForClients(clients)
		for range 2 {
			if err := api.UpdateKubeProxy(t.Context(), model.AddonImage{Version: c.version, From: repository}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		set, err := clients.AppsV1().DaemonSets("kube-system").Get(t.Context(), "kube-proxy", metav1.GetOptions{})
		if err != nil || set.Spec.Template.Spec.Containers[0].Image != c.want {
			t.Errorf("%s: %v (%v)", name, set.Spec.Template.Spec.Containers[0].Image, err)
		}
	}
}

// What moves alone keeps its configuration.
func TestCoreDNSMovesToARepository(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(coreDNS("registry.k8s.io/coredns/coredns:v1.14.6"), systemConfigMap("coredns", "Corefile", oldCorefile))
	api := kube.NewForClients(clients)
	if facts, err := api.Kubeadm(t.Context()); err != nil || facts.CoreDNSFrom != "registry.k8s.io/coredns" {
		t.Errorf("%+v (%v)", facts, err)
	}
	if err := api.UpdateCoreDNS(t.Context(), model.AddonImage{From: repository}); err != nil {
		t.Fatal(err)
	}
	if got := dnsOf(t, clients); got != (dnsState{repository + "/coredns:v1.14.6", "Corefile", oldCorefile}) {
		t.Errorf("%+v", got)
	}
	if facts, err := api.Kubeadm(t.Context()); err != nil || facts.CoreDNSFrom != repository {
		t.Errorf("%+v (%v)", facts, err)
	}
}

// TestKubeadmConfigHasTheRepository follows one through the life of a cluster. What a user has
// written there by hand stays.
func TestKubeadmConfigHasTheRepository(t *testing.T) {
	t.Parallel()
	clients := fake.NewClientset(kubeadmMade()...)
	api := kube.NewForClients(clients)
	for _, step := range []struct {
		change   func(*model.KubeadmConfig)
		has      string
		annotate string
	}{
		{func(*model.KubeadmConfig) {}, byHand, ""},
		{func(c *model.KubeadmConfig) { c.ImageRepository = repository }, repository, byHand + "," + repository},
		{func(c *model.KubeadmConfig) { c.ImageRepository = "other.example.com" }, "other.example.com",
			byHand + "," + repository + ",other.example.com"},
		{func(c *model.KubeadmConfig) { c.ImageRepository = repository }, repository, byHand + "," + repository + ",other.example.com"},
		{func(*model.KubeadmConfig) {}, "", byHand + "," + repository + ",other.example.com"},
	} {
		config := ourConfig
		step.change(&config)
		if err := api.UpdateKubeadmConfig(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if got := repositoryOf(t, clients); got != step.has {
			t.Errorf("the repository is %q, want %q", got, step.has)
		}
		if facts, err := api.Kubeadm(t.Context()); err != nil || facts.Repositories != step.annotate {
			t.Errorf("%+v, want %q (%v)", facts, step.annotate, err)
		}
	}
}

func TestKubeadmConfigDropsTheRepositoryOfItsCreation(t *testing.T) {
	t.Parallel()
	for drops, want := range map[bool]string{true: "", false: repository} {
		made := kubeadmMade()
		clients := fake.NewClientset(made...)
		setRepository(t, clients, repository)
		config := ourConfig
		config.DropsRepository = drops
		api := kube.NewForClients(clients)
		if err := api.UpdateKubeadmConfig(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if got := repositoryOf(t, clients); got != want {
			t.Errorf("drops %t: the repository is %q, want %q", drops, got, want)
		}
		if facts, err := api.Kubeadm(t.Context()); err != nil || (facts.Repositories == repository) != drops {
			t.Errorf("drops %t: %+v (%v)", drops, facts, err)
		}
	}
}

func repositoryOf(t *testing.T, clients *fake.Clientset) string {
	t.Helper()
	for line := range strings.Lines(configOf(t, clients, "kubeadm-config", "ClusterConfiguration")) {
		if value, ok := strings.CutPrefix(line, "imageRepository: "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func setRepository(t *testing.T, clients *fake.Clientset, value string) {
	t.Helper()
	maps := clients.CoreV1().ConfigMaps("kube-system")
	stored, err := maps.Get(t.Context(), "kubeadm-config", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	config := stored.Data["ClusterConfiguration"]
	stored.Data["ClusterConfiguration"] = strings.Replace(config, "imageRepository: "+byHand, "imageRepository: "+value, 1)
	if _, err := maps.Update(t.Context(), stored, metav1.UpdateOptions{}); err != nil || stored.Data["ClusterConfiguration"] == config {
		t.Fatalf("%v: %s", err, config)
	}
}
