package bootstrap

import "github.com/gantry/terraform-provider-gantry/internal/kubeversion"

// Images are those that kubeadm of a version of Kubernetes lists, where the registry has them,
// and the sandbox image of nodes of the version. Of a version that is newer than what is known
// of kubeadm there are none: patches have changed the tag of etcd.
func (r Registry) Images(kubernetesVersion string) []string {
	version, err := kubeversion.Parse(kubernetesVersion)
	if err != nil || version.EtcdTag() == "" {
		return nil
	}
	of := func(name, tag string) string {
		return InRepository(r.Repository, DefaultRepository+"/"+name) + ":" + tag
	}
	release := "v" + kubernetesVersion
	images := []string{
		of("kube-apiserver", release),
		of("kube-controller-manager", release),
		of("kube-scheduler", release),
		of("kube-proxy", release),
		of("coredns/coredns", "v"+version.CoreDNS()),
		of("pause", version.Pause()),
		of("etcd", version.EtcdTag()),
	}
	if sandbox := r.Sandbox(kubernetesVersion); sandbox != "" {
		images = append(images, sandbox)
	}
	return images
}
