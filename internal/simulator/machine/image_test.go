package machine_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

func binariesOf(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var wholeNode = []string{
	"kubeadm-v1.34.2", "kubelet-v1.34.2", "kubectl-v1.34.2", "kube-apiserver-v1.34.2", "kube-controller-manager-v1.34.2",
	"kube-scheduler-v1.34.2", "kube-proxy-v1.34.2", "etcd-v3.6.5", "coredns-v1.12.1", "kube-vip-v1.0.0", "flanneld-v0.27.4",
	"etcdctl-v3.6.5", "crictl-v1.34.0",
}

func TestMissingPrograms(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		add    []string
		remove string
		want   string
	}{
		{nil, "", ""},
		{nil, "kube-proxy-v1.34.2", "kube-proxy-v1.34.2"},
		{nil, "etcd-v3.6.5", "etcd"},
		{nil, "etcdctl-v3.6.5", "etcdctl"},
		{nil, "kubelet-v1.34.2", "kubelet"},
		{nil, "kubeadm-v1.34.2", "kubeadm-v1.34.2"},
		{[]string{"kubeadm-v1.33.4", "kubelet-v1.33.4"}, "",
			"kubectl-v1.33.4 kube-apiserver-v1.33.4 kube-controller-manager-v1.33.4 kube-scheduler-v1.33.4 kube-proxy-v1.33.4"},
		// One that only validates documents.
		{[]string{"kubeadm-v1.33.4"}, "", ""},
		// A build that is under way.
		{[]string{"kubelet-v1.33.4.123.partial", "tofu"}, "", ""},
	} {
		names := slices.DeleteFunc(slices.Concat(wholeNode, test.add), func(name string) bool { return name == test.remove })
		got, err := machine.MissingPrograms(binariesOf(t, names...))
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("with %v without %q: %v, %v; want %q", test.add, test.remove, got, err, test.want)
		}
	}
	if _, err := machine.MissingPrograms(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("a directory that is not there lacks nothing")
	}
}

// Not parallel: a script can't be run while another test's child still holds it open
// for writing.
func TestImageOf(t *testing.T) {
	dir := binariesOf(t, append(wholeNode, "crictl-v1.9.0", "kubeadm-v1.32.1", "kubelet-v1.32.1", "kubectl-v1.32.1")...)
	for version, answer := range map[string]string{"v1.34.2": "echo registry.k8s.io/pause:3.10.1", "v1.32.1": "exit 1"} {
		if err := os.WriteFile(filepath.Join(dir, "kubeadm-"+version), []byte("#!/bin/sh\n"+answer+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	commands, pause, err := machine.ImageOf(t.Context(), dir, "1.34.2")
	want := map[string]string{
		"kubeadm": filepath.Join(dir, "kubeadm-v1.34.2"), "kubelet": filepath.Join(dir, "kubelet-v1.34.2"),
		"kubectl": filepath.Join(dir, "kubectl-v1.34.2"), "crictl": filepath.Join(dir, "crictl-v1.34.0"),
	}
	if err != nil || pause != "registry.k8s.io/pause:3.10.1" || !maps.Equal(commands, want) {
		t.Errorf("%v %s %v", commands, pause, err)
	}
	for version, reason := range map[string]string{
		"":       "lacks gantry.kubernetes-version",
		"1.33.0": "no kubeadm-v1.33.0, only v1.32.1, v1.34.2",
		"1.32.1": "ask kubeadm v1.32.1 for its images",
	} {
		if _, _, err := machine.ImageOf(t.Context(), dir, version); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, want %q", version, err, reason)
		}
	}
}
