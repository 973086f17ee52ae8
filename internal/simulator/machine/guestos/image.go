package guestos

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// copied are the files of the host's /etc that belong to its distribution and
// not to the host. What the host lacks is left out.
var copied = []string{
	"adduser.conf", "alternatives", "bash.bashrc", "bindresvport.blacklist", "ca-certificates.conf", "cloud", "debian_version",
	"default/useradd", "deluser.conf", "ethertypes", "gai.conf", "host.conf", "iproute2", "issue", "ld.so.cache", "ld.so.conf",
	"ld.so.conf.d", "locale.alias", "localtime", "login.defs", "lsb-release", "modprobe.d", "networks", "nsswitch.conf", "os-release",
	"pam.conf", "pam.d", "profile", "protocols", "python3", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "rpc",
	"security", "services", "shells", "skel", "ssh/moduli", "ssl/certs",
	"ssl/openssl.cnf", "subgid", "subuid", "sudoers", "terminfo", "timezone", "xattr.conf",
}

// directories of /etc, and elsewhere, that are there though nothing is in them.
var directories = []string{
	"/etc/ca-certificates/update.d", "/etc/cni/net.d", "/etc/default", "/etc/modules-load.d", "/etc/netplan", "/etc/ssh",
	"/etc/sudoers.d", "/etc/sysctl.d", "/etc/systemd/system", "/var/lib/containerd", "/var/lib/kubelet",
}

// file is one that the image of a node has beyond the distribution's.
type file struct {
	path, content string
	mode          fs.FileMode
}

// files returns those that depend on the machine or on what a Kubernetes node's
// image comes with.
func files(config wire.Config) []file {
	d := distributionOf(config)
	if isPlain(config) {
		return plainFiles(config)
	}
	found := []file{
		{"/etc/cloud/cloud.cfg.d/90-image.cfg", cloudConfig, 0o644},
		{"/etc/containerd/config.toml", containerdConfig(config), 0o644},
		{"/etc/containerd/certs.d/_default/hosts.toml", registryHosts(config), 0o644},
		{"/etc/crictl.yaml", "runtime-endpoint: unix:///run/containerd/containerd.sock\n", 0o644},
		{"/usr/lib/systemd/system/kubelet.service", kubeletUnit(programDirectory(d)), 0o644},
		{"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", kubeletDropIn(programDirectory(d)), 0o644},
	}
	if d == Whole {
		return append(found, file{"/etc/cloud/cloud.cfg.d/91-renderer.cfg", cloudRenderer, 0o644})
	}
	return append(found,
		file{"/etc/hostname", config.Name + "\n", 0o644},
		file{"/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n", 0o644},
		file{"/etc/fstab", "# The machine's file systems are mounted before anything reads this.\n", 0o644},
		file{"/etc/resolv.conf", "# No name server is configured yet.\n", 0o644},
		file{"/usr/lib/systemd/system/systemd-timesyncd.service", timesyncUnit, 0o644},
	)
}

// programDirectory is where the programs of Kubernetes are: those of a whole system are
// where its packages have them, and nothing is put into what the host lends.
func programDirectory(d Distribution) string {
	if d == Whole {
		return "/usr/bin"
	}
	return "/usr/local/bin"
}

// enabled are the services that start with the first boot already. kubelet is
// not among them: the bootstrap of a node has to enable it.
var enabled = []string{"containerd.service"}

// timesyncUnit is of a service that does nothing here. The host's would wait for
// what the program does to systemd.
const timesyncUnit = `[Unit]
Description=Network time synchronization

[Service]
ExecStart=/usr/lib/systemd/systemd-timesyncd
Restart=always

[Install]
WantedBy=multi-user.target
`

// kubeletUnit is that of Kubernetes' packages.
func kubeletUnit(programs string) string {
	return fmt.Sprintf(`[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=%s/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
`, programs)
}

// kubeletDropIn is that of Kubernetes' packages: what kubeadm relies on, and where users
// set more flags.
func kubeletDropIn(programs string) string {
	return `[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf ` +
		`--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
` + kubeletCommand(programs) + "\n"
}

func kubeletCommand(programs string) string {
	return "ExecStart=\nExecStart=" + programs +
		"/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS"
}

// kubeletFlags are those of the table, which come behind all others.
func kubeletFlags(d Distribution) []string {
	var flags []string
	for _, e := range exceptionsOf(KubeletFlag, d) {
		flags = append(flags, e.Name+"="+e.Value)
	}
	return flags
}

func containerdConfig(config wire.Config) string {
	const cri = `plugins."io.containerd.grpc.v1.cri"`
	var exceptions strings.Builder
	d := distributionOf(config)
	for _, e := range exceptionsOf(ContainerdSetting, d) {
		fmt.Fprintf(&exceptions, "  %s = %s\n", e.Name, e.Value)
	}
	return fmt.Sprintf(`version = 2
[%[1]s]
  sandbox_image = %[2]q
%[3]s[%[1]s.registry]
  config_path = "/etc/containerd/certs.d"
[%[1]s.cni]
  bin_dir = "/opt/cni/bin"
  conf_dir = "/etc/cni/net.d"
[%[1]s.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[%[1]s.containerd.runtimes.runc.options]
  SystemdCgroup = %[4]t
`, cri, config.PauseImage, exceptions.String(), d == Whole)
}

// registryHosts sends containerd for every image to one registry, which knows by
// the request which host's images are requested.
func registryHosts(config wire.Config) string {
	// An inline table: in the name of any other, containerd 1.6 takes no brackets,
	// which an address of IPv6 has.
	return fmt.Sprintf("server = %[1]q\n[host]\n%[1]q = { capabilities = [\"pull\", \"resolve\"] }\n", config.Registry)
}

// cloudConfig is the configuration of an image for vSphere: the data source, and the
// one locale that every distribution has.
const cloudConfig = "datasource_list: [VMware]\nlocale: C.UTF-8\n"

// cloudRenderer has a whole system's network rendered for its networkd, which does
// without netplan.
const cloudRenderer = "system_info:\n  network:\n    renderers: [networkd]\n"
