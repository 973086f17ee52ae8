package bootstrap_test

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

const (
	token          = "abcdef.0123456789abcdef"
	certificateKey = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	caHash         = "sha256:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
)

// authorities are made once: the tests only read them.
var authorities = sync.OnceValues(func() (*pki.Authorities, error) {
	return pki.NewAuthorities(rand.Reader, time.Now())
})

// newNode returns a valid node of the role.
func newNode(t testing.TB, role bootstrap.Role) bootstrap.Node {
	t.Helper()
	node := bootstrap.Node{
		ClusterName:       "prod-1",
		Name:              "prod-1-cp-1",
		InstanceID:        "1b4e28ba-2fa1-5b5c-883f-0016d3cca427",
		Role:              role,
		KubernetesVersion: "1.37.2",
		MAC:               "00:50:56:0a:b7:0b",
		Address:           netip.MustParsePrefix("10.10.183.11/18"),
		Gateway:           netip.MustParseAddr("10.10.128.1"),
		Nameservers:       []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("1.1.1.1")},
		SearchDomains:     []string{"example.com"},
		Endpoint:          bootstrap.Endpoint{Address: netip.MustParseAddr("10.10.183.1")},
		PodCIDR:           "10.244.0.0/16",
		ServiceCIDR:       "10.96.0.0/12",
		NodeLabels: map[string]string{
			"topology.kubernetes.io/zone":   "zone-a",
			"topology.kubernetes.io/region": "region-1",
		},
		SSHAuthorizedKeys: []string{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh ops@example.com"},
		NTPServers:        []string{"ntp.example.com", "10.10.128.1"},
	}
	switch role {
	case bootstrap.FirstControlPlane:
		made, err := authorities()
		if err != nil {
			t.Fatal(err)
		}
		node.Authorities = made
	case bootstrap.ControlPlane:
		node.CertificateKey = certificateKey
		fallthrough
	case bootstrap.Worker:
		node.Token = token
		node.CAHash = caHash
	}
	if role == bootstrap.Worker {
		node.Name = "prod-1-general-1"
	}
	return node
}

// onIPv6 moves a node to IPv6.
func onIPv6(node bootstrap.Node) bootstrap.Node {
	node.Address = netip.MustParsePrefix("fd00:10::11/64")
	node.Gateway = netip.MustParseAddr("fd00:10::1")
	node.Nameservers = []netip.Addr{netip.MustParseAddr("fd00:10::53")}
	node.Endpoint.Address = netip.MustParseAddr("fd00:10::10")
	node.PodCIDR = "fd00:244::/56"
	node.ServiceCIDR = "fd00:96::/112"
	return node
}

// leased has a node take a lease, behind a load balancer.
func leased(node bootstrap.Node) bootstrap.Node {
	node.DHCP = true
	node.Address = netip.Prefix{}
	node.Gateway = netip.Addr{}
	node.Nameservers = nil
	node.SearchDomains = nil
	node.Endpoint = bootstrap.Endpoint{Address: netip.MustParseAddr("10.10.183.1"), LoadBalancer: true}
	return node
}

// named gives its load balancer a name in dynamic DNS.
func named(node bootstrap.Node) bootstrap.Node {
	node.Endpoint = bootstrap.Endpoint{HostName: "api.prod-1.example.com", LoadBalancer: true}
	return node
}

// behindProxy gives a node a proxy with everything that needs quoting.
func behindProxy(t testing.TB, node bootstrap.Node) bootstrap.Node {
	t.Helper()
	made, err := authorities()
	if err != nil {
		t.Fatal(err)
	}
	node.Proxy = &bootstrap.Proxy{
		HTTP:          `http://svc:p%40ss%22w0rd@proxy.example.com:3128`,
		HTTPS:         `http://svc:p'a$s@proxy.example.com:3129/`,
		NoProxy:       "registry.example.com, .corp.example.com,localhost",
		CACertificate: string(made.CA.Cert),
	}
	return node
}

// restoring has a first node begin with a snapshot.
func restoring(t testing.TB, node bootstrap.Node) bootstrap.Node {
	t.Helper()
	node.Restore = &bootstrap.Restore{
		URL:           "https://s3.example.com/backups/prod-1.db?X-Amz-Signature=5eC%2Fret&a=b",
		SHA256:        strings.Repeat("5b", 32),
		CACertificate: string(node.Authorities.CA.Cert),
	}
	return node
}

// cloudConfig is the user data as cloud-init sees it, strictly.
type cloudConfig struct {
	SSHAuthorizedKeys []string `json:"ssh_authorized_keys"`
	NTP               *struct {
		Enabled bool     `json:"enabled"`
		Servers []string `json:"servers"`
	} `json:"ntp"`
	ManageEtcHosts string `json:"manage_etc_hosts"`
	WriteFiles     []struct {
		Path        string `json:"path"`
		Permissions string `json:"permissions"`
		Owner       string `json:"owner"`
		Content     string `json:"content"`
	} `json:"write_files"`
	RunCmd [][]string `json:"runcmd"`
}

func userdata(t testing.TB, node bootstrap.Node) cloudConfig {
	t.Helper()
	data, err := bootstrap.Userdata(node)
	if err != nil {
		t.Fatal(err)
	}
	return parseUserdata(t, data)
}

func parseUserdata(t testing.TB, data []byte) cloudConfig {
	t.Helper()
	if !strings.HasPrefix(string(data), "#cloud-config\n") {
		t.Fatalf("user data begins with %.20q", data)
	}
	var config cloudConfig
	if err := yaml.UnmarshalStrict(data, &config); err != nil {
		t.Fatal(err)
	}
	return config
}

// file returns the content of a written file, "" when it is not written.
func (c cloudConfig) file(path string) string {
	for _, file := range c.WriteFiles {
		if file.Path == path {
			return file.Content
		}
	}
	return ""
}

// listing returns the written files with their permissions.
func (c cloudConfig) listing() string {
	var lines strings.Builder
	for _, file := range c.WriteFiles {
		fmt.Fprintf(&lines, "%s %s\n", file.Permissions, file.Path)
	}
	return lines.String()
}
