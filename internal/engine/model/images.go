package model

import "slices"

// Images are those that nodes pull by themselves, sorted: kubeadm's, the sandbox images, and
// kube-vip or, with leases, the load balancer's. What packs bring is not among them. Of a
// version whose images are not known there are none.
func (s *ClusterSpec) Images() []string {
	images := s.Registry.Images(s.KubernetesVersion)
	if images == nil {
		return nil
	}
	if s.DHCP() {
		images = append(images, s.HAProxyImage())
	} else {
		images = append(images, s.Registry.KubeVIP())
	}
	for _, pool := range s.Workers {
		if sandbox := s.Registry.Sandbox(s.VersionOf(pool)); sandbox != "" {
			images = append(images, sandbox)
		}
	}
	slices.Sort(images)
	return slices.Compact(images)
}
