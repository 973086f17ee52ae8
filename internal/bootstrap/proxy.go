package bootstrap

import (
	"slices"
	"strings"
)

const (
	containerdProxyPath = "/etc/systemd/system/containerd.service.d/50-gantry-proxy.conf"
	proxyVariablesPath  = "/etc/gantry/proxy.env"
	proxyCAPath         = "/etc/gantry/proxy-ca.crt"
)

// proxyFiles send containerd through the proxy, and the script the package manager: they
// alone fetch from outside. Neither kubelet nor kubeadm may have it: kubeadm would hand it on to
// the control plane's own pods.
func (n Node) proxyFiles() []writeFile {
	if n.Proxy == nil {
		return nil
	}
	var files []writeFile
	if n.Proxy.HTTP != "" || n.Proxy.HTTPS != "" {
		files = append(files,
			// A proxy's URL may carry a password, and what a unit itself sets in its
			// environment every local user may read, whatever the mode of its file.
			writeFile{Path: proxyVariablesPath, Permissions: modePrivate, Content: n.proxyVariables()},
			writeFile{Path: containerdProxyPath, Permissions: modePublic, Content: "[Service]\nEnvironmentFile=" + proxyVariablesPath + "\n"},
		)
	}
	if n.Proxy.CACertificate != "" {
		// The script installs it: cloud-init knows how on few distributions.
		files = append(files, writeFile{Path: proxyCAPath, Permissions: modePublic, Content: withNewline(n.Proxy.CACertificate)})
	}
	return files
}

// proxyVariables are the lines of an EnvironmentFile=.
func (n Node) proxyVariables() string {
	var lines strings.Builder
	noProxy := strings.Join(n.noProxy(), ",")
	for _, variable := range []struct{ name, value string }{
		{"HTTP_PROXY", n.Proxy.HTTP}, {"HTTPS_PROXY", n.Proxy.HTTPS}, {"NO_PROXY", noProxy},
	} {
		if variable.value == "" {
			continue
		}
		for _, name := range []string{variable.name, strings.ToLower(variable.name)} {
			lines.WriteString(name + "=" + environmentQuote(variable.value) + "\n")
		}
	}
	return lines.String()
}

// noProxy lists what is always reached directly, then what the user adds.
func (n Node) noProxy() []string {
	list := []string{"localhost", "127.0.0.1", "::1", ".svc", "." + dnsDomain}
	if n.PodCIDR != "" { // a load balancer has no pods
		list = append(list, n.PodCIDR, n.ServiceCIDR)
	}
	list = append(append(list, n.ownNetwork()), n.Endpoint.names()...)
	for entry := range strings.SplitSeq(n.Proxy.NoProxy, ",") {
		if entry = strings.TrimSpace(entry); entry != "" && !slices.Contains(list, entry) {
			list = append(list, entry)
		}
	}
	return list
}

// ownNetwork is the network that the node is in.
func (n Node) ownNetwork() string {
	if n.DHCP {
		return LeasedNetwork
	}
	return n.Address.Masked().String()
}

// environmentQuote quotes a value for an EnvironmentFile=, where in double quotes a
// backslash escapes what it does in a shell, and nothing is expanded.
func environmentQuote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`).Replace(value) + `"`
}
