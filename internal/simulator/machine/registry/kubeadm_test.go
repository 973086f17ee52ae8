package registry_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// Not parallel: a script can't be run while another test's child still holds it open for
// writing.
func TestKubeadmListsItsImages(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("kubeadm is a script here, and there is nothing to run it")
	}
	directory := t.TempDir()
	write := func(name, script string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(directory, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("kubeadm-v1.34.2", `[ "$*" = "config images list --kubernetes-version v1.34.2" ] || exit 3
echo registry.k8s.io/kube-apiserver:v1.34.2
echo registry.k8s.io/pause:3.10.1
`)
	write("kubeadm-v1.30.4", "echo cannot >&2\nexit 1\n")
	write("kubeadm-v1.29.0", "echo registry.k8s.io/etcd:3.5.10-0\n")
	for _, version := range []string{"1.34.2", "v1.34.2"} {
		images, err := registry.KubeadmImages(t.Context(), directory, version)
		if want := []string{"registry.k8s.io/kube-apiserver:v1.34.2", "registry.k8s.io/pause:3.10.1"}; err != nil || !slices.Equal(images, want) {
			t.Errorf("%s: %v: %q", version, err, images)
		}
		if image, err := registry.PauseImage(t.Context(), directory, version); err != nil || image != "registry.k8s.io/pause:3.10.1" {
			t.Errorf("%s: %v: %q", version, err, image)
		}
	}
	for version, want := range map[string]string{
		"1.30.4": "cannot", "1.28.0": "kubeadm-v1.28.0", "1.29.0": "no image of a sandbox", "../kubeadm": "not a version",
	} {
		if _, err := registry.PauseImage(t.Context(), directory, version); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", version, err, want)
		}
	}
}
