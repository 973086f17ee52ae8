package bootstrap_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata, or writes it with -update.
func golden(t *testing.T, got string, path ...string) {
	t.Helper()
	name := filepath.Join(append([]string{"testdata"}, path...)...)
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", name, got)
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, node := range map[string]bootstrap.Node{
		"first":      newNode(t, bootstrap.FirstControlPlane),
		"first-ipv6": onIPv6(newNode(t, bootstrap.FirstControlPlane)),
		"restore":    restoring(t, newNode(t, bootstrap.FirstControlPlane)),
		"join":       newNode(t, bootstrap.ControlPlane),
		"worker":     newNode(t, bootstrap.Worker),
		"proxy":      behindProxy(t, newNode(t, bootstrap.Worker)),

		"mirrored": mirrored(t, newNode(t, bootstrap.FirstControlPlane)),
		"login":    loggedIn(t, newNode(t, bootstrap.Worker)),

		"leased-first":   restoring(t, leased(newNode(t, bootstrap.FirstControlPlane))),
		"leased-join":    named(leased(newNode(t, bootstrap.ControlPlane))),
		"leased-worker":  leased(newNode(t, bootstrap.Worker)),
		"leased-proxied": behindProxy(t, named(leased(newNode(t, bootstrap.Worker)))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			metadata, err := bootstrap.Metadata(node)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, string(metadata), name, "metadata.yaml")
			config := userdata(t, node)
			golden(t, config.listing(), name, "files.txt")
			for _, path := range []string{
				"/etc/gantry/leased-files",
				"/etc/gantry/restore/peer-url",
				"/etc/systemd/system/gantry-lease.service",
				"/etc/systemd/system/gantry-lease.timer",
				"/etc/gantry/kubeadm.yaml",
				"/etc/kubernetes/manifests/kube-vip.yaml",
				"/etc/systemd/system/containerd.service.d/50-gantry-proxy.conf",
				"/etc/gantry/proxy.env",
				"/etc/gantry/sandbox-image",
				"/etc/gantry/registry-auth",
				"/etc/containerd/certs.d/docker.io/hosts.toml",
				"/etc/systemd/system/gantry-bootstrap.service",
				"/etc/systemd/system/gantry-certificates.service",
				"/etc/systemd/system/gantry-certificates.timer",
				"/etc/systemd/network/10-cloud-init-eth0.network.d/50-gantry.conf",
			} {
				if content := config.file(path); content != "" {
					golden(t, content, name, filepath.Base(path))
				}
			}
		})
	}
}

func withVersion(node bootstrap.Node, version string) bootstrap.Node {
	node.KubernetesVersion = version
	return node
}
