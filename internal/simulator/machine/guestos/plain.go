package guestos

import (
	"fmt"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// isPlain reports whether a machine is one of a distribution alone: what there is of Kubernetes on
// its disk was installed there.
func isPlain(config wire.Config) bool { return config.System != "" && config.KubernetesVersion == "" }

// plainFiles are those of a plain distribution, and what the exceptions of the table need.
func plainFiles(config wire.Config) []file {
	var settings strings.Builder
	for _, e := range exceptionsOf(ContainerdSetting, Whole) {
		fmt.Fprintf(&settings, "    %s = %s\n", e.Name, e.Value)
	}
	return []file{
		{"/etc/cloud/cloud.cfg.d/90-image.cfg", "datasource_list: [NoCloud, VMware, None]\nlocale: C.UTF-8\n", 0o644},
		{"/etc/cloud/cloud.cfg.d/91-renderer.cfg", cloudRenderer, 0o644},
		{"/etc/containerd/config.toml", fmt.Sprintf(plainContainerd, settings.String()), 0o644},
		{"/etc/containerd/certs.d/_default/hosts.toml", registryHosts(config), 0o644},
		{"/etc/systemd/system/kubelet.service.d/90-exceptions.conf",
			"[Service]\nEnvironment=\"KUBELET_EXTRA_ARGS=" + strings.Join(kubeletFlags(Whole), " ") + "\"\n", 0o644},
	}
}

// plainContainerd is what Debian's package has.
const plainContainerd = `version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
%s    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni"
      conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.internal.v1.opt"]
    path = "/var/lib/containerd"
`

// PackagedUnit are the files of kubelet's unit as Kubernetes' packages bring them.
func PackagedUnit() map[string]string {
	const unit = "/usr/lib/systemd/system/kubelet.service"
	programs := programDirectory(Whole)
	return map[string]string{unit: kubeletUnit(programs), unit + ".d/10-kubeadm.conf": kubeletDropIn(programs)}
}
