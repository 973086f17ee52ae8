package guest_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

const (
	privateHosts = "/etc/containerd/certs.d/registry.k8s.io/hosts.toml"
	tables       = `[plugins."__PLUGIN__".registry.configs."a.example.com:5000".auth]
  username = "robot"
  password = "right"
`
)

// private has a machine ask a registry of its own, with the header of robot:right where it has
// one.
func private(m *machine, header bool) {
	m.files[privateHosts] = "server = \"https://a.example.com:5000\"\n\n[host.\"https://a.example.com:5000\"]\n"
	if header {
		m.files[privateHosts] += "  [host.\"https://a.example.com:5000\".header]\n    Authorization = \"Basic cm9ib3Q6cmlnaHQ=\"\n"
	}
	m.modes[privateHosts] = "0600"
	m.files["/etc/gantry/mirrored"] = "/etc/containerd/certs.d\n"
	m.files["/etc/gantry/registry.sh"] = "true\n"
}

// TestRegistriesRefuseWhoMayNotPull has them answer 401 to what real ones answer with it.
func TestRegistriesRefuseWhoMayNotPull(t *testing.T) {
	t.Parallel()
	basic := guest.Registry{Username: "robot", Password: "right"}
	handsOut := basic
	handsOut.Tokens = true
	for name, c := range map[string]struct {
		registry       guest.Registry
		header, tables bool
		want           string
	}{
		"header":                                 {basic, true, false, ""},
		"tables":                                 {basic, false, true, ""},
		"nothing":                                {basic, false, false, "401 Unauthorized"},
		"another password":                       {guest.Registry{Username: "robot", Password: "r"}, true, true, "401 Unauthorized"},
		"another user":                           {guest.Registry{Username: "r", Password: "right"}, true, true, "401 Unauthorized"},
		"a header for one that hands out tokens": {handsOut, true, false, "401 Unauthorized"},
		"tables for it":                          {handsOut, true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, guest.Options{})
			s.world.SetRegistry("a.example.com:5000", c.registry)
			m := s.first("cp-1", address(11))
			private(m, c.header)
			if c.tables {
				m.files["/etc/gantry/registry-auth"] = tables
				m.modes["/etc/gantry/registry-auth"] = "0600"
			}
			if c.want == "" {
				s.joins(m)
				return
			}
			s.refuses(m, c.want)
		})
	}
}

// TestTablesAreForTheScript refuses what containerd would not get, and what everyone would read.
func TestTablesAreForTheScript(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*machine){
		"can be read by every user": func(m *machine) { m.modes["/etc/gantry/registry-auth"] = "0644" },
		"no table that the script": func(m *machine) {
			m.files["/etc/gantry/registry-auth"] = strings.ReplaceAll(tables, "__PLUGIN__", "io.x")
		},
		"not the tables of one": func(m *machine) { m.files["/etc/gantry/registry-auth"] = tables + "token = \"t\"\n" },
	} {
		s := newSite(t, guest.Options{})
		m := s.first("cp-1", address(11))
		private(m, true)
		m.files["/etc/gantry/registry-auth"] = tables
		m.modes["/etc/gantry/registry-auth"] = "0600"
		change(m)
		s.refuses(m, name)
	}
}

// TestPodsWaitForTheirImages on a worker without the login, and come once the registry lets them.
func TestPodsWaitForTheirImages(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.world.SetRegistry("a.example.com:5000", guest.Registry{Username: "robot", Password: "right"})
	first := s.first("cp-1", address(11))
	private(first, true)
	s.joins(first)
	s.putToken(time.Now().Add(time.Hour))
	worker := s.worker("w-1", address(12))
	private(worker, false)
	s.joins(worker)
	why := func() string {
		list, err := s.clientset(vip).CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{
			LabelSelector: "k8s-app=kube-proxy", FieldSelector: "spec.nodeName=w-1",
		})
		if err != nil || len(list.Items) != 1 || len(list.Items[0].Status.ContainerStatuses) != 1 {
			return ""
		}
		switch state := list.Items[0].Status.ContainerStatuses[0].State; {
		case state.Running != nil:
			return string(corev1.PodRunning)
		case state.Waiting != nil:
			return state.Waiting.Reason + ": " + state.Waiting.Message
		}
		return ""
	}
	eventually(t, "kube-proxy waits", func() bool {
		return strings.HasPrefix(why(), "ImagePullBackOff: ") && strings.Contains(why(), "401 Unauthorized")
	})
	s.world.SetRegistry("a.example.com:5000", guest.Registry{})
	eventually(t, "kube-proxy runs", func() bool { return why() == string(corev1.PodRunning) })
}
