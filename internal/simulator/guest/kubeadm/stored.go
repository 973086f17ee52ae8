package kubeadm

import (
	"errors"
	"fmt"

	"sigs.k8s.io/yaml"
)

// Stored reads the ClusterConfiguration of the ConfigMap kubeadm-config as kubeadm of a
// version does, and returns the version of the control plane. Real kubeadm warns of what
// it does not know; here that is an error.
func Stored(document string, tool Version) (Version, error) {
	docs, err := split([]byte(document))
	if err != nil {
		return Version{}, err
	}
	if len(docs) != 1 || docs[0].Kind != "ClusterConfiguration" {
		return Version{}, errors.New("failed to decode cluster configuration data: it is not one ClusterConfiguration")
	}
	if tool, err = toolVersion(docs, tool); err != nil {
		return Version{}, err
	}
	if err := docs[0].readable(tool); err != nil {
		return Version{}, err
	}
	c, err := decodeCluster(docs[0])
	if err != nil {
		return Version{}, err
	}
	return ParseVersion(c.version)
}

// StoredRepository is where the images of a stored ClusterConfiguration come from; empty:
// kubeadm's own.
func StoredRepository(document string) string {
	docs, err := split([]byte(document))
	if err != nil || len(docs) != 1 {
		return ""
	}
	c, err := decodeCluster(docs[0])
	if err != nil {
		return ""
	}
	return c.imageRepository
}

// CheckKubelet refuses a kubelet configuration that a node cannot run with: containerd of
// the images has the systemd cgroup driver.
func CheckKubelet(document string) error {
	var conf struct {
		APIVersion   string `json:"apiVersion"`
		Kind         string `json:"kind"`
		CgroupDriver string `json:"cgroupDriver"`
	}
	if err := yaml.Unmarshal([]byte(document), &conf); err != nil {
		return fmt.Errorf("failed to decode the kubelet configuration: %w", err)
	}
	if conf.APIVersion != "kubelet.config.k8s.io/v1beta1" || conf.Kind != "KubeletConfiguration" {
		return fmt.Errorf("no kind %q is registered for version %q", conf.Kind, conf.APIVersion)
	}
	if conf.CgroupDriver != "systemd" {
		return fmt.Errorf("the kubelet is not running: its cgroup driver %q differs from containerd's, systemd", conf.CgroupDriver)
	}
	return nil
}

// CheckJoin refuses versions that may not serve together: those that kubeadm and its
// preflight checks refuse, and those that the version skew policy does not support.
func CheckJoin(tool, cluster Version, controlPlane bool) error {
	const maxSkew = 3
	switch {
	case tool == Version{}:
		return nil
	case cluster.Minor < tool.Minor-1:
		return fmt.Errorf("this version of kubeadm only supports deploying clusters with the control plane version >= 1.%d.0. "+
			"Current version: v%s", tool.Minor-1, cluster)
	case tool.Minor > cluster.Minor:
		return fmt.Errorf("the kubelet version is higher than the control plane version. This is not a supported version skew and may "+
			"lead to a malfunctional cluster. Kubelet version: %q Control plane version: %q", tool, cluster)
	case controlPlane && tool.Minor < cluster.Minor:
		return fmt.Errorf("kubernetes version is greater than kubeadm version: kubeadm v%s cannot make a control-plane node of v%s",
			tool, cluster)
	case cluster.Minor-tool.Minor > maxSkew:
		return fmt.Errorf("kubelet v%s is more than %d minor versions older than the control plane, v%s", tool, maxSkew, cluster)
	}
	return nil
}
