package bootstrap

import (
	"slices"
	"strings"
)

const containerdProxyPath = "/etc/systemd/system/containerd.service.d/50-gantry-proxy.conf"

// proxyFiles send containerd, which alone fetches from outside, through the
// proxy. Neither kubelet nor kubeadm may have it: kubeadm would hand it on to
// the control plane's own pods.
func (n Node) proxyFiles() []writeFile {
	if n.Proxy == nil || n.Proxy.HTTP == "" && n.Proxy.HTTPS == "" {
		return nil
	}
	var unit strings.Builder
	unit.WriteString("[Service]\n")
	noProxy := strings.Join(n.noProxy(), ",")
	for _, variable := range []struct{ name, value string }{
		{"HTTP_PROXY", n.Proxy.HTTP}, {"HTTPS_PROXY", n.Proxy.HTTPS}, {"NO_PROXY", noProxy},
	} {
		if variable.value == "" {
			continue
		}
		for _, name := range []string{variable.name, strings.ToLower(variable.name)} {
			unit.WriteString("Environment=" + systemdQuote(name+"="+variable.value) + "\n")
		}
	}
	// Private: a proxy's URL may carry a password.
	return []writeFile{{Path: containerdProxyPath, Permissions: modePrivate, Content: unit.String()}}
}

// noProxy lists what is always reached directly, then what the user adds.
func (n Node) noProxy() []string {
	list := []string{
		"localhost", "127.0.0.1", "::1", ".svc", "." + dnsDomain,
		n.PodCIDR, n.ServiceCIDR, n.Address.Masked().String(), n.Endpoint.String(),
	}
	for entry := range strings.SplitSeq(n.Proxy.NoProxy, ",") {
		if entry = strings.TrimSpace(entry); entry != "" && !slices.Contains(list, entry) {
			list = append(list, entry)
		}
	}
	return list
}

// systemdQuote quotes an assignment for Environment=, where backslashes and
// quotes are escapes and a percent sign starts a specifier.
func systemdQuote(assignment string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(assignment) + `"`
}
