package guest_test

import (
	"net/netip"
	"path"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

func nic(m *machine) document { return dig(m.metadata, "network", "ethernets", "nic0") }

func userdata(text string) func(*site, *machine) {
	return func(s *site, m *machine) {
		m.raw["guestinfo.userdata"], m.raw["guestinfo.userdata.encoding"] = packed(s.t, text), "gzip+base64"
	}
}

// env sets an environment variable of kube-vip.
func env(m *machine, name, value string) {
	c := m.vip["spec"].(document)["containers"].([]any)[0].(document)
	for _, e := range c["env"].([]any) {
		if e.(document)["name"] == name {
			e.(document)["value"] = value
		}
	}
}

func kubeletArg(m *machine, i int, name, value string) {
	m.kubeadm[i]["nodeRegistration"] = document{"kubeletExtraArgs": []any{document{"name": name, "value": value}}}
}

// audited has an API server that reads a policy, and mounts a file of the node.
func audited(mounted string) document {
	return document{
		"extraArgs": []any{document{"name": "audit-policy-file", "value": "/etc/gantry/audit.yaml"}},
		"extraVolumes": []any{
			document{"name": "policy", "hostPath": mounted, "mountPath": mounted, "pathType": "File"},
		},
	}
}

// TestInitRefusals bends one thing of a good first node at a time.
func TestInitRefusals(t *testing.T) {
	t.Parallel()
	set := func(key string, value any) func(*site, *machine) {
		return func(_ *site, m *machine) { m.metadata[key] = value }
	}
	setNIC := func(key string, value any) func(*site, *machine) {
		return func(_ *site, m *machine) { nic(m)[key] = value }
	}
	config := func(key string, value any) func(*site, *machine) {
		return func(_ *site, m *machine) { m.config[key] = value }
	}
	entry := func(e document) func(*site, *machine) { return config("write_files", []any{e}) }
	cluster := func(value any, path ...string) func(*site, *machine) {
		return func(_ *site, m *machine) {
			dig(m.kubeadm[0], path[:len(path)-1]...)[path[len(path)-1]] = value
		}
	}
	pod := func(change func(spec document)) func(*site, *machine) {
		return func(_ *site, m *machine) { change(m.vip["spec"].(document)) }
	}
	container := func(change func(c document)) func(*site, *machine) {
		return pod(func(spec document) { change(spec["containers"].([]any)[0].(document)) })
	}
	file := func(path string, content func(s *site) string) func(*site, *machine) {
		return func(s *site, m *machine) { m.files[path] = content(s) }
	}
	missing := func(path string) func(*site, *machine) { return func(_ *site, m *machine) { delete(m.files, path) } }
	const pki = "/etc/kubernetes/pki/"

	for name, c := range map[string]struct {
		bend func(*site, *machine)
		want string
	}{
		// guestinfo
		"metadata not base64": {func(_ *site, m *machine) { m.raw["guestinfo.metadata"] = "{}" }, "not base64"},
		"metadata not gzip":   {func(_ *site, m *machine) { m.raw["guestinfo.metadata"] = "e30=" }, "not gzip"},
		"unknown encoding":    {func(_ *site, m *machine) { m.raw["guestinfo.metadata.encoding"] = "zip" }, "unknown encoding"},
		"no metadata":         {func(_ *site, m *machine) { m.raw["guestinfo.metadata"] = "" }, "no datasource found"},
		"too long":            {func(_ *site, m *machine) { m.raw["guestinfo.userdata"] = strings.Repeat("A", 64<<10+4) }, "do not fit"},
		"no userdata":         {func(_ *site, m *machine) { m.raw["guestinfo.userdata"] = "" }, "nothing to bootstrap"},
		// metadata
		"unknown metadata key": {set("local_hostname", "x"), `unknown field "local_hostname"`},
		"no instance-id":       {set("instance-id", ""), "instance-id is missing"},
		"bad hostname":         {set("local-hostname", "CP_1"), "not a valid hostname"},
		"bad cleanup":          {set("cleanup-guestinfo", []any{"user-data"}), "can't be cleaned up"},
		"no wait-on-network":   {set("wait-on-network", document{"ipv4": false}), "wait-on-network"},
		"no network":           {set("network", nil), "without an address"},
		"network version 1":    {set("network", document{"version": 1}), "version 1"},
		"unknown netplan key":  {setNIC("gateway", "10.10.128.1"), "unknown field"},
		"plain address":        {setNIC("addresses", []any{"10.10.183.11"}), "missing /prefixlength"},
		"gateway not on-link":  {setNIC("routes", []any{document{"to": "default", "via": "10.20.0.1"}}), "not on-link"},
		"only netplan reaches it": {setNIC("routes", []any{document{"to": "0.0.0.0/0", "via": "10.20.0.1", "on-link": true}}),
			"networkd has no way to the router 10.20.0.1"},
		"two gateways":           {setNIC("gateway4", "10.10.128.2"), "conflicting default route"},
		"route without via":      {setNIC("routes", []any{document{"to": "default"}}), "must include both"},
		"bad nameserver":         {setNIC("nameservers", document{"addresses": []any{"dns"}}), "malformed address"},
		"other NIC":              {setNIC("match", document{"macaddress": mac(address(99))}), "no ethernet matches"},
		"other driver":           {setNIC("match", document{"macaddress": mac(address(11)), "driver": "e1000"}), "no ethernet matches"},
		"NIC by its name":        {setNIC("match", document{"name": "e*"}), `takes "nic0" for the device's name`},
		"NIC not renamed":        {setNIC("set-name", ""), `takes "nic0" for the device's name`},
		"NIC renamed to no name": {setNIC("set-name", "Ethernet 0"), "not a device's name"},
		"bad MAC address":        {setNIC("match", document{"macaddress": "00:50:56"}), "invalid MAC address"},
		"advertisements":         {setNIC("accept-ra", true), "any router"},
		"advertisements left":    {setNIC("accept-ra", nil), "any router"},
		"outside the segment": {func(_ *site, m *machine) { m.vm.Segment = netip.MustParsePrefix("192.168.0.0/24") },
			"is not on network dvpg-nodes"},
		// cloud-config
		"no header":            {userdata("runcmd: []\n"), "not #cloud-config"},
		"unknown cloud-config": {config("write-files", []any{}), `unknown field "write-files"`},
		"key twice":            {userdata("#cloud-config\nruncmd: []\nruncmd: []\n"), "already set"},
		"SSH key cut short":    {config("ssh_authorized_keys", []any{"ssh-ed25519 AAAAC3Nz me"}), "not a line that sshd takes"},
		"permissions number":   {entry(document{"path": "/x", "permissions": 420}), "not of type 'string'"},
		"permissions text":     {entry(document{"path": "/x", "permissions": "rw-"}), "not octal"},
		"file key":             {entry(document{"path": "/x", "mode": "0644"}), "unknown field"},
		"file encoding":        {entry(document{"path": "/x", "encoding": "hex"}), "encoding"},
		"file base64":          {entry(document{"path": "/x", "encoding": "b64", "content": "%"}), "not base64"},
		"relative path":        {entry(document{"path": "x"}), "not absolute"},
		"runcmd mapping":       {config("runcmd", []any{document{"a": "b"}}), "neither a string nor a list"},
		"runcmd elsewhere":     {config("runcmd", []any{[]any{"/bin/true"}}), "nothing would bootstrap"},
		"CA by cloud-init":     {config("ca_certs", document{"trusted": []any{"a CA"}}), `unknown field "ca_certs"`},
		"runcmd itself":        {config("runcmd", []any{[]any{"/etc/gantry/bootstrap.sh", "init"}}), "nothing resumes it"},
		"runcmd enables alone": {config("runcmd", []any{systemctl("enable", "gantry-bootstrap.service")}), "nothing would bootstrap"},
		"runcmd starts twice": {config("runcmd", []any{
			systemctl("start", "gantry-bootstrap.service"), systemctl("start", "gantry-bootstrap.service"),
		}), "twice"},
		"runcmd other unit": {config("runcmd", []any{systemctl("start", "gantry.service")}), "does not exist"},
		"unit verb":         {file(unitFile, func(*site) string { return unit("reset") }), "usage:"},
		"unit key":          {file(unitFile, func(*site) string { return unit("init\nRestarts=no") }), "unknown key 'Restarts'"},
		"unit before network": {file(unitFile, func(*site) string {
			return strings.Replace(unit("init"), "After=network-online.target ", "After=", 1)
		}), "After= lacks network-online.target"},
		"unit not wanted": {file(unitFile, func(*site) string {
			return strings.Replace(unit("init"), "WantedBy=multi-user.target", "", 1)
		}), "WantedBy= lacks"},
		"unit with a bound": {file(unitFile, func(*site) string {
			return strings.Replace(unit("init"), "infinity", "90", 1)
		}), "without a bound"},
		"no environment file": {file("/etc/systemd/system/containerd.service.d/proxy.conf", func(*site) string {
			return "[Service]\nEnvironmentFile=/etc/gantry/proxy.env\n"
		}), "failed to load environment files"},
		"password in a unit": {file("/etc/systemd/system/containerd.service.d/proxy.conf", func(*site) string {
			return "[Service]\nEnvironment=\"HTTP_PROXY=http://a:b@proxy\"\n"
		}), "shows a password"},
		"password for everyone": {func(_ *site, m *machine) {
			m.files["/etc/systemd/system/containerd.service.d/proxy.conf"] = "[Service]\nEnvironmentFile=/etc/gantry/proxy.env\n"
			m.files["/etc/gantry/proxy.env"] = "HTTP_PROXY=\"http://a:b@proxy\"\n"
			m.modes["/etc/gantry/proxy.env"] = "0644"
		}, "can be read by every user"},
		"no script":             {missing("/etc/gantry/bootstrap.sh"), "not found"},
		"script not executable": {func(_ *site, m *machine) { m.modes["/etc/gantry/bootstrap.sh"] = "0644" }, "Permission denied"},
		"script without #!":     {file("/etc/gantry/bootstrap.sh", func(*site) string { return "true\n" }), "Exec format error"},
		// kubeadm
		"no configuration":       {func(_ *site, m *machine) { m.kubeadm = nil }, "unable to read config"},
		"unknown field":          {cluster("x", "podSubnet"), `strict decoding error: unknown field "podSubnet"`},
		"args as a map":          {cluster(document{"extraArgs": document{"v": "4"}}, "apiServer"), "error unmarshaling"},
		"two of a kind":          {func(_ *site, m *machine) { m.kubeadm = append(m.kubeadm, m.kubeadm[0]) }, "specified twice"},
		"unknown kind":           {func(_ *site, m *machine) { m.kubeadm[1]["kind"] = "Init" }, "no kind"},
		"v1beta2":                {cluster("kubeadm.k8s.io/v1beta2", "apiVersion"), "not supported"},
		"wrong component":        {func(_ *site, m *machine) { m.kubeadm[2]["apiVersion"] = "kubelet.config.k8s.io/v1" }, "no kind"},
		"other minor":            {cluster("v1.33.1", "kubernetesVersion"), "does not match this image"},
		"no version":             {cluster("", "kubernetesVersion"), "full Kubernetes version"},
		"no endpoint":            {cluster("", "controlPlaneEndpoint"), "controlPlaneEndpoint is empty"},
		"endpoint port":          {cluster(vip+":0", "controlPlaneEndpoint"), "valid number"},
		"endpoint unknown":       {cluster("api.example.com:6443", "controlPlaneEndpoint"), "no such host"},
		"bad pod subnet":         {cluster("172.20.0.0", "networking", "podSubnet"), "invalid CIDR"},
		"pod subnet too small":   {cluster("172.20.0.0/26", "networking", "podSubnet"), "can't be cut"},
		"service subnet too big": {cluster("172.0.0.0/8", "networking", "serviceSubnet"), "3 to 20 bits"},
		"subnets overlap":        {cluster("172.20.0.0/16", "networking", "serviceSubnet"), "overlaps"},
		"subnet over the node":   {cluster("10.10.0.0/16", "networking", "podSubnet"), "contains the node's address"},
		"SAN":                    {cluster([]any{"a b"}, "apiServer", "certSANs"), "certSANs"},
		"no audit policy":        {cluster(audited("/etc/gantry/audit.yaml"), "apiServer"), "is not a file"},
		"audit policy elsewhere": {cluster(audited("/etc/gantry/bootstrap.sh"), "apiServer"), "open /etc/gantry/audit.yaml: no such file"},
		"argument with dashes":   {cluster(document{"extraArgs": []any{document{"name": "--v", "value": "4"}}}, "scheduler"), "dash"},
		"certificate key":        {func(_ *site, m *machine) { m.kubeadm[1]["certificateKey"] = "abcd" }, "32 bytes"},
		"bootstrap token": {func(_ *site, m *machine) { m.kubeadm[1]["bootstrapTokens"] = []any{document{"token": "abc.def"}} },
			"not of the form"},
		"foreign advertise": {func(_ *site, m *machine) {
			m.kubeadm[1]["localAPIEndpoint"] = document{"advertiseAddress": "10.10.183.99"}
		}, "cannot assign"},
		"loopback advertise": {func(_ *site, m *machine) {
			m.kubeadm[1]["localAPIEndpoint"] = document{"advertiseAddress": "127.0.0.1"}
		}, "cannot use"},
		"role label": {func(_ *site, m *machine) { kubeletArg(m, 1, "node-labels", "node-role.kubernetes.io/worker=") },
			"unknown 'kubernetes.io'"},
		"label value":  {func(_ *site, m *machine) { kubeletArg(m, 1, "node-labels", "a=b c") }, "--node-labels"},
		"label form":   {func(_ *site, m *machine) { kubeletArg(m, 1, "node-labels", "a") }, "malformed pair"},
		"kubelet flag": {func(_ *site, m *machine) { kubeletArg(m, 1, "network-plugin", "cni") }, "unknown flag"},
		"node-ip":      {func(_ *site, m *machine) { kubeletArg(m, 1, "node-ip", "10.10.183.99") }, "not found in the host"},
		"taint effect": {func(_ *site, m *machine) {
			m.kubeadm[1]["nodeRegistration"] = document{"taints": []any{document{"key": "a", "effect": "Never"}}}
		}, "invalid taint effect"},
		// kube-vip
		"no kube-vip":         {func(_ *site, m *machine) { m.vip = nil }, "no such file"},
		"kube-vip not a pod":  {func(_ *site, m *machine) { m.vip["kind"] = "Deployment" }, "is not a v1 Pod"},
		"kube-vip field":      {pod(func(spec document) { spec["hostNetworks"] = true }), "unknown field"},
		"kube-vip network":    {pod(func(spec document) { spec["hostNetwork"] = false }), "not on the host network"},
		"kube-vip capability": {container(func(c document) { delete(c, "securityContext") }), "NET_ADMIN"},
		"kube-vip env":        {func(_ *site, m *machine) { env(m, "cp_enable", "false") }, "cp_enable"},
		"kube-vip no config":  {container(func(c document) { delete(c, "volumeMounts") }), "nothing is mounted"},
		"kube-vip volume":     {pod(func(spec document) { delete(spec, "volumes") }), "no hostPath volume"},
		"kube-vip on admin":   {func(_ *site, m *machine) { m.vip = kubeVIP("/etc/kubernetes/admin.conf") }, "no node holds the VIP"},
		"kube-vip file volume": {pod(func(spec document) {
			spec["volumes"] = append(spec["volumes"].([]any),
				document{"name": "hosts", "hostPath": document{"path": "/etc/gantry/hosts", "type": "File"}})
		}), "hostPath type check failed"},
		"VIP not the endpoint": {func(_ *site, m *machine) { env(m, "address", "10.10.183.6") }, "is not that of controlPlaneEndpoint"},
		"VIP port":             {func(_ *site, m *machine) { env(m, "port", "443") }, "is not that of controlPlaneEndpoint"},
		"VIP of the node": {func(_ *site, m *machine) {
			env(m, "address", address(11))
			m.kubeadm[0]["controlPlaneEndpoint"] = address(11) + ":6443"
		}, "the node's own address"},
		"VIP elsewhere": {func(_ *site, m *machine) {
			env(m, "address", "192.168.1.5")
			m.kubeadm[0]["controlPlaneEndpoint"] = "192.168.1.5:6443"
		}, "not in the node's network"},
		// certificates
		"no CA":          {missing(pki + "ca.crt"), "couldn't load the certificate"},
		"no etcd CA key": {missing(pki + "etcd/ca.key"), "couldn't load the private key"},
		"garbage CA":     {file(pki+"ca.crt", func(*site) string { return "garbage" }), "PEM certificate"},
		"garbage CA key": {file(pki+"ca.key", func(*site) string { return "garbage" }), "private key"},
		"not a CA": {func(s *site, m *machine) {
			leaf := newAuthority(s.t, false)
			m.files[pki+"front-proxy-ca.crt"], m.files[pki+"front-proxy-ca.key"] = leaf.certPEM, leaf.keyPEM
		}, "not a CA"},
		// what users add
		"flag that there is not": {
			cluster(document{"extraArgs": []any{document{"name": "max-request-inflight", "value": "5"}}}, "apiServer"),
			"kube-apiserver does not start"},
		"value that a flag does not take": {
			cluster(document{"extraArgs": []any{document{"name": "leader-elect", "value": "maybe"}}}, "scheduler"),
			"kube-scheduler does not start"},
		"no patches": {func(_ *site, m *machine) { m.kubeadm[1]["patches"] = document{"directory": "/etc/gantry/patches"} },
			"could not read the patches directory"},
		"patch of nothing": {func(_ *site, m *machine) {
			m.kubeadm[1]["patches"] = document{"directory": "/etc/gantry/patches"}
			m.files["/etc/gantry/patches/kubelet+merge.yaml"] = "maxPods: 60\n"
		}, "unknown file"},
		"command that fails": {file("/etc/gantry/pre-bootstrap/001", func(*site) string { return "true\nexit 7\n" }),
			"command 001 of pre-bootstrap failed with status 7"},

		"another CA's key": {file(pki+"ca.key", func(s *site) string { return newAuthority(s.t, true).keyPEM }),
			"does not match the certificate"},
		"another's sa.pub": {file(pki+"sa.pub", func(s *site) string { return newAuthority(s.t, true).public(s.t) }), "sa.pub is not"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, guest.Options{})
			m := s.first("cp-1", address(11))
			c.bend(s, m)
			s.refuses(m, c.want)
		})
	}
}

// TestVersions holds configuration versions and kubeconfigs against releases.
func TestVersions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, version, kubeconfig, format, want string }{ // boots where want is empty
		{"on the link", "1.37.2", "../gantry/kube-vip.conf", "v1beta4", ""},
		{"on super-admin.conf", "1.37.2", "super-admin.conf", "v1beta4", ""},
		{"on admin.conf", "1.37.2", "admin.conf", "v1beta4", "no node holds the VIP"},
		{"the oldest", "1.31.0", "super-admin.conf", "v1beta4", ""},
		{"too old", "1.30.14", "super-admin.conf", "v1beta4", "not supported"},
		{"old format", "1.31.0", "super-admin.conf", "v1beta3", "not supported"},
		{"format that is gone", "1.37.2", "super-admin.conf", "v1beta3", "not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, guest.Options{})
			m := s.first("cp-1", address(11))
			m.vm.KubernetesVersion = c.version
			m.kubeadm[0]["kubernetesVersion"] = "v" + c.version
			m.vip = kubeVIP(path.Join("/etc/kubernetes", c.kubeconfig))
			for _, d := range m.kubeadm[:2] {
				d["apiVersion"] = "kubeadm.k8s.io/" + c.format
			}
			if c.want != "" {
				s.refuses(m, c.want)
				return
			}
			s.joins(m)
		})
	}
}
