package bootstrap

import (
	_ "embed"
	"fmt"
	"net/netip"
	"strings"

	"sigs.k8s.io/yaml"
)

// loadBalancerScript is the part of the script for a load balancer.
//
//go:embed load-balancer.sh
var loadBalancerScript string

// haproxyTemplate is HAProxy's configuration but for its backends.
//
//go:embed haproxy.cfg
var haproxyTemplate string

const (
	loadBalancerScriptPath = "/etc/gantry/load-balancer.sh"
	loadBalancerUnitName   = "gantry-load-balancer.service"
	haproxyTemplatePath    = "/etc/gantry/haproxy.cfg"
	haproxyManifestPath    = "/etc/gantry/haproxy.yaml"
	// haproxyDirectory is what the container sees. It is mounted whole: of a file it would
	// see the one that was there when it started.
	haproxyDirectory     = "/etc/gantry/haproxy"
	aloneConfigPath      = "/etc/gantry/kubelet.yaml"
	kubeletDropInPath    = "/etc/systemd/system/kubelet.service.d/99-gantry-load-balancer.conf"
	staticPods           = "/etc/kubernetes/manifests"
	backendsPlaceholder  = "__GANTRY_BACKENDS__"
	backendLine          = "    server %[1]s %[1]s:6443\n"
	haproxyConfigInside  = haproxyInside + "/haproxy.cfg"
	haproxyInside        = "/usr/local/etc/haproxy"
	systemCriticalWeight = 2000001000
)

// LoadBalancerGuestInfo renders the guestinfo keys to set on a load balancer's virtual
// machine in the clone call. The values of one that may not boot are never returned.
func LoadBalancerGuestInfo(lb LoadBalancer) (map[string]string, error) {
	if err := lb.validate(); err != nil {
		return nil, err
	}
	metadata, err := yaml.Marshal(lb.metadata())
	if err != nil {
		return nil, fmt.Errorf("metadata of load balancer %s: %w", lb.Name, err)
	}
	userdata, err := lb.userdata()
	if err != nil {
		return nil, err
	}
	return guestInfo(lb.Name, metadata, userdata)
}

func (lb LoadBalancer) metadata() metadata {
	return metadata{
		InstanceID:       lb.InstanceID,
		LocalHostname:    lb.localHostname(),
		CleanupGuestinfo: []string{"userdata"},
		WaitOnNetwork:    waitOnNetwork{IPv4: true},
		Network:          lb.asNode().network(),
	}
}

// asNode is a load balancer as far as it is a node with a lease.
func (lb LoadBalancer) asNode() Node {
	n := lb.access()
	n.DHCP = true
	n.InstanceID = lb.InstanceID
	n.MAC = lb.MAC
	return n
}

func (lb LoadBalancer) userdata() ([]byte, error) {
	files, err := lb.files()
	if err != nil {
		return nil, err
	}
	return cloudConfigOf(lb.asNode(), files, [][]string{
		{"systemctl", "daemon-reload"},
		{"systemctl", "enable", loadBalancerUnitName},
		{"systemctl", "start", loadBalancerUnitName},
	})
}

func (lb LoadBalancer) files() ([]writeFile, error) {
	manifest, err := lb.haproxy()
	if err != nil {
		return nil, err
	}
	alone, err := documents(aloneConfiguration())
	if err != nil {
		return nil, err
	}
	n := lb.asNode()
	files := append(scripts(),
		writeFile{Path: loadBalancerScriptPath, Permissions: modePublic, Content: withoutComments(loadBalancerScript)},
		writeFile{Path: unitDirectory + loadBalancerUnitName, Permissions: modePublic, Content: loadBalancerUnit},
		writeFile{Path: forgetUnitPath, Permissions: modePublic, Content: forgetUnit},
		writeFile{Path: networkdDropInPath, Permissions: modePublic, Content: n.networkdDropIn()},
		writeFile{Path: kubeletDropInPath, Permissions: modePublic, Content: aloneDropIn},
		writeFile{Path: aloneConfigPath, Permissions: modePublic, Content: string(alone)},
		writeFile{Path: haproxyTemplatePath, Permissions: modePublic, Content: haproxyTemplate},
		writeFile{Path: haproxyManifestPath, Permissions: modePublic, Content: string(manifest)},
		writeFile{Path: haproxyDirectory + "/ca.crt", Permissions: modePublic, Content: withNewline(string(lb.CACertificate))},
	)
	files = append(files, n.proxyFiles()...)
	files = append(files, lb.Registry.files(lb.KubernetesVersion)...)
	return withLease(n, files), nil
}

// loadBalancerUnit runs for as long as the machine does. The next start may
// succeed where the last failed; a minute is long enough for the failure to be seen in the phase.
const loadBalancerUnit = `[Unit]
Description=Balances the API of a Kubernetes cluster
Wants=network-online.target
After=network-online.target containerd.service
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart=` + scriptPath + ` balance
Restart=always
RestartSec=60

[Install]
WantedBy=multi-user.target
`

// HAProxyConfig renders the configuration that the script on the virtual machine makes for
// backends.
func HAProxyConfig(addresses []netip.Addr) ([]byte, error) {
	list, err := Backends(addresses)
	if err != nil {
		return nil, err
	}
	var config strings.Builder
	config.WriteString(strings.ReplaceAll(haproxyTemplate, backendsPlaceholder, list))
	for address := range strings.SplitSeq(list, ",") {
		fmt.Fprintf(&config, backendLine, address)
	}
	return []byte(config.String()), nil
}
