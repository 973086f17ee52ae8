package model_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func TestImages(t *testing.T) {
	t.Parallel()
	spec := func(version string, change func(*model.ClusterSpec)) model.ClusterSpec {
		s := model.ClusterSpec{KubernetesVersion: version, Workers: []model.NodePool{{Name: "general"}}}
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		spec model.ClusterSpec
		want []string
	}{
		"a cluster with a VIP": {spec("1.34.1", func(*model.ClusterSpec) {}), []string{
			"ghcr.io/kube-vip/kube-vip:v1.0.0",
			"registry.k8s.io/coredns/coredns:v1.12.1",
			"registry.k8s.io/etcd:3.6.4-0",
			"registry.k8s.io/kube-apiserver:v1.34.1",
			"registry.k8s.io/kube-controller-manager:v1.34.1",
			"registry.k8s.io/kube-proxy:v1.34.1",
			"registry.k8s.io/kube-scheduler:v1.34.1",
			"registry.k8s.io/pause:3.10.1",
		}},
		"its own repository, leases, and a pool that is behind": {spec("1.36.3", func(s *model.ClusterSpec) {
			s.Registry = bootstrap.Registry{Repository: "harbor.example.com/kubernetes"}
			s.Allocation = model.AllocationDHCP
			s.Workers[0].KubernetesVersion = "1.35.4"
		}), []string{
			"harbor.example.com/kubernetes/coredns:v1.14.2",
			"harbor.example.com/kubernetes/etcd:3.6.8-0",
			bootstrap.InRepository("harbor.example.com/kubernetes", bootstrap.DefaultHAProxyImage),
			"harbor.example.com/kubernetes/kube-apiserver:v1.36.3",
			"harbor.example.com/kubernetes/kube-controller-manager:v1.36.3",
			"harbor.example.com/kubernetes/kube-proxy:v1.36.3",
			"harbor.example.com/kubernetes/kube-scheduler:v1.36.3",
			"harbor.example.com/kubernetes/pause:3.10.1",
			"harbor.example.com/kubernetes/pause:3.10.2",
		}},
		"images that are named one by one": {spec("1.37.2", func(s *model.ClusterSpec) {
			s.Registry = bootstrap.Registry{SandboxImage: "r.example.com/sandbox:1", KubeVIPImage: "r.example.com/vip:2"}
		}), []string{
			"r.example.com/sandbox:1",
			"r.example.com/vip:2",
			"registry.k8s.io/coredns/coredns:v1.14.6",
			"registry.k8s.io/etcd:3.7.0-0",
			"registry.k8s.io/kube-apiserver:v1.37.2",
			"registry.k8s.io/kube-controller-manager:v1.37.2",
			"registry.k8s.io/kube-proxy:v1.37.2",
			"registry.k8s.io/kube-scheduler:v1.37.2",
			"registry.k8s.io/pause:3.10.2",
		}},
		"a patch that is not known": {spec("1.37.99", func(*model.ClusterSpec) {}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := c.spec.Images(); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
