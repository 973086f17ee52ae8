package guest_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

const (
	hostsFile = "/etc/containerd/certs.d/docker.io/hosts.toml"
	caFile    = "/etc/containerd/certs.d/docker.io/ca.crt"
	goodHosts = `server = "https://b.example.com"
capabilities = ["pull", "resolve"]
ca = "ca.crt"

[host."https://a.example.com/v2/docker"]
  capabilities = ["pull", "resolve"]
  override_path = true
  ca = "/etc/containerd/certs.d/docker.io/ca.crt"
  [host."https://a.example.com/v2/docker".header]
    Authorization = "Basic YTpi"
`
)

// mirrors gives a machine a file of mirrors.
func mirrors(s *site, m *machine) {
	m.files[hostsFile] = goodHosts
	m.modes[hostsFile] = "0600"
	m.files[caFile] = s.ca.certPEM
	m.files["/etc/gantry/mirrored"] = "/etc/containerd/certs.d\n"
	m.files["/etc/gantry/registry.sh"] = "true\n"
}

// TestMirrorsAreReadAsContainerdReadsThem refuses what containerd would take for no mirrors: it
// would ask the registries themselves, and say so nowhere.
func TestMirrorsAreReadAsContainerdReadsThem(t *testing.T) {
	t.Parallel()
	changed := func(old, replacement string) func(*machine) {
		return func(m *machine) { m.files[hostsFile] = strings.Replace(goodHosts, old, replacement, 1) }
	}
	for name, c := range map[string]struct {
		change func(*machine)
		want   string
	}{
		"no host":        {func(m *machine) { m.files[hostsFile] = `server = "https://b.example.com"` }, "invalid `host` tree"},
		"no TOML":        {func(m *machine) { m.files[hostsFile] = "a = " }, "toml"},
		"unknown key":    {changed("override_path", "overridePath"), "ignores the key"},
		"capability":     {changed(`"pull"`, `"fetch"`), "unknown capability fetch"},
		"no server":      {changed(`"https://b.example.com"`, `"https://"`), "unable to parse server"},
		"user":           {changed("https://b.", "https://me:secret@b."), "drops the user"},
		"added path":     {changed("  override_path = true\n", ""), "its API is asked for at /v2/docker/v2"},
		"no CA":          {func(m *machine) { delete(m.files, caFile) }, "unable to read CA cert"},
		"empty CA":       {func(m *machine) { m.files[caFile] = "none\n" }, "unable to load CA cert"},
		"CA without TLS": {changed("https://b.", "http://b."), "speaks TLS to it first"},
		"for everyone":   {func(m *machine) { m.modes[hostsFile] = "0644" }, "can be read by every user"},
		"not read":       {func(m *machine) { delete(m.files, "/etc/gantry/mirrored") }, "config_path is empty"},
		"no script":      {func(m *machine) { delete(m.files, "/etc/gantry/registry.sh") }, "config_path is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, guest.Options{})
			m := s.first("cp-1", address(11))
			mirrors(s, m)
			c.change(m)
			s.boot(m)
			if state := s.settled("cp-1"); state.Phase == guest.PhaseJoined || !strings.Contains(state.Error, c.want) {
				t.Errorf("phase %s, error %q, want %q", state.Phase, state.Error, c.want)
			}
		})
	}
}

// TestImagesComeFromTheRepository of the cluster's configuration.
func TestImagesComeFromTheRepository(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	m := s.first("cp-1", address(11))
	mirrors(s, m)
	m.kubeadm[0]["imageRepository"] = "r.example.com/k8s"
	s.joins(m)
	apps := s.clientset(vip).AppsV1()
	proxy, err := apps.DaemonSets("kube-system").Get(t.Context(), "kube-proxy", metav1.GetOptions{})
	if err != nil || !strings.HasPrefix(proxy.Spec.Template.Spec.Containers[0].Image, "r.example.com/k8s/kube-proxy:v") {
		t.Errorf("kube-proxy: %+v (%v)", proxy.Spec.Template.Spec.Containers, err)
	}
	dns, err := apps.Deployments("kube-system").Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil || !strings.HasPrefix(dns.Spec.Template.Spec.Containers[0].Image, "r.example.com/k8s/coredns:v") {
		t.Errorf("coredns: %+v (%v)", dns.Spec.Template.Spec.Containers, err)
	}
}
