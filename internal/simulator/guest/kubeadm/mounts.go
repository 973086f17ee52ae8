package kubeadm

import (
	"fmt"
	"path"
	"strings"
)

// fileFlags name a file that the API server reads when it starts.
var fileFlags = []string{
	"admission-control-config-file", "audit-policy-file", "audit-webhook-config-file", "authentication-config", "authorization-config",
	"egress-selector-config-file", "encryption-provider-config", "oidc-ca-file", "tracing-config-file",
}

// mountedAlways are the directories that kubeadm mounts into the API server itself.
var mountedAlways = []string{
	pkiDir, "/etc/ca-certificates", "/etc/ssl/certs", "/usr/local/share/ca-certificates", "/usr/share/ca-certificates",
}

// CheckMounts refuses a ClusterConfiguration by which a component would not start on a
// node: it mounts a file that the node does not have, or the API server is to read one
// that is not in its pod.
func CheckMounts(document string, has func(path string) bool) error {
	c, err := clusterConfigurationOf(document)
	if err != nil || c == nil {
		return err
	}
	for name, component := range map[string]v1beta4Component{
		"kube-apiserver": c.APIServer.v1beta4Component, "kube-controller-manager": c.ControllerManager, "kube-scheduler": c.Scheduler,
	} {
		for _, v := range component.ExtraVolumes {
			if v.PathType == "File" && !has(v.HostPath) {
				return fmt.Errorf("%s does not start: MountVolume.SetUp failed for volume %q: hostPath type check failed: %s is not a file",
					name, v.Name, v.HostPath)
			}
		}
	}
	return c.APIServer.checkFiles(has)
}

func (c v1beta4APIServer) checkFiles(has func(path string) bool) error {
	for _, name := range fileFlags {
		for _, a := range c.ExtraArgs {
			if a.Name == name && !has(c.onNode(a.Value)) {
				return fmt.Errorf("kube-apiserver does not start: --%s: open %s: no such file or directory", name, a.Value)
			}
		}
	}
	return nil
}

// onNode is where the node has a file of the pod; empty where the pod has none there.
func (c v1beta4APIServer) onNode(file string) string {
	for _, directory := range mountedAlways {
		if strings.HasPrefix(file, directory+"/") {
			return file
		}
	}
	for _, v := range c.ExtraVolumes {
		if below, ok := strings.CutPrefix(file, v.MountPath); ok && (below == "" || strings.HasPrefix(below, "/")) {
			return path.Join(v.HostPath, below)
		}
	}
	return ""
}
