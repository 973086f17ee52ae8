package bootstrap_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

func TestValidNodes(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		for name, node := range map[string]bootstrap.Node{
			"IPv4":      newNode(t, role),
			"IPv6":      onIPv6(newNode(t, role)),
			"proxy":     behindProxy(t, newNode(t, role)),
			"oldest":    withVersion(newNode(t, role), "1.31.0"),
			"candidate": withVersion(newNode(t, role), "1.38.0-rc.1"),
		} {
			if _, err := bootstrap.GuestInfo(node); err != nil {
				t.Errorf("%s %s: %v", role, name, err)
			}
		}
	}
}

// A worker may sit in another network than the control plane.
func TestEndpointOfAWorkerMayBeElsewhere(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.Worker)
	node.Endpoint.Address = netip.MustParseAddr("172.20.0.10")
	if _, err := bootstrap.Userdata(node); err != nil {
		t.Error(err)
	}
}

func TestRefusalsNameTheField(t *testing.T) {
	t.Parallel()
	type node = bootstrap.Node
	first, joining, worker := bootstrap.FirstControlPlane, bootstrap.ControlPlane, bootstrap.Worker
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	for name, test := range map[string]struct {
		role  bootstrap.Role
		spoil func(*node)
		field string
	}{
		"no cluster name":          {worker, func(n *node) { n.ClusterName = "" }, "ClusterName"},
		"newline in cluster name":  {worker, func(n *node) { n.ClusterName = "a\nb: c" }, "ClusterName"},
		"no name":                  {worker, func(n *node) { n.Name = "" }, "Name"},
		"name in capitals":         {worker, func(n *node) { n.Name = "Node" }, "Name"},
		"name of 64 characters":    {worker, func(n *node) { n.Name = strings.Repeat("n", 64) }, "Name"},
		"instance id":              {worker, func(n *node) { n.InstanceID = "vm-42" }, "InstanceID"},
		"role":                     {"spare", func(*node) {}, "Role"},
		"no version":               {worker, func(n *node) { n.KubernetesVersion = "" }, "KubernetesVersion"},
		"version with v":           {worker, func(n *node) { n.KubernetesVersion = "v1.37.2" }, "KubernetesVersion"},
		"minor only":               {worker, func(n *node) { n.KubernetesVersion = "1.37" }, "KubernetesVersion"},
		"label for a version":      {worker, func(n *node) { n.KubernetesVersion = "stable-1" }, "KubernetesVersion"},
		"too old":                  {worker, func(n *node) { n.KubernetesVersion = "1.30.14" }, "KubernetesVersion"},
		"version of the future":    {worker, func(n *node) { n.KubernetesVersion = "2.31.0" }, "KubernetesVersion"},
		"version with a command":   {worker, func(n *node) { n.KubernetesVersion = "1.37.2; reboot" }, "KubernetesVersion"},
		"no address":               {worker, func(n *node) { n.Address = netip.Prefix{} }, "Address"},
		"network address":          {worker, func(n *node) { n.Address = prefix("10.10.128.0/18") }, "Address"},
		"loopback":                 {worker, func(n *node) { n.Address = prefix("127.0.0.2/8") }, "Address"},
		"mapped address":           {worker, func(n *node) { n.Address = netip.PrefixFrom(addr("::ffff:10.10.183.11"), 114) }, "Address"},
		"no gateway":               {worker, func(n *node) { n.Gateway = netip.Addr{} }, "Gateway"},
		"gateway of IPv6":          {worker, func(n *node) { n.Gateway = addr("fe80::1") }, "Gateway"},
		"gateway with a zone":      {worker, func(n *node) { *n = onIPv6(*n); n.Gateway = addr("fe80::1%eth0") }, "Gateway"},
		"gateway elsewhere":        {worker, func(n *node) { *n = onIPv6(*n); n.Gateway = addr("fd00:11::1") }, "Gateway"},
		"gateway is a group":       {worker, func(n *node) { n.Gateway = addr("224.0.0.1") }, "Gateway"},
		"gateway is the node":      {worker, func(n *node) { n.Gateway = n.Address.Addr() }, "Gateway"},
		"nameserver":               {worker, func(n *node) { n.Nameservers = append(n.Nameservers, netip.Addr{}) }, "Nameservers[2]"},
		"search domain":            {worker, func(n *node) { n.SearchDomains = []string{"a b"} }, "SearchDomains[0]"},
		"no endpoint":              {worker, func(n *node) { n.Endpoint.Address = netip.Addr{} }, "Endpoint"},
		"endpoint is the node":     {first, func(n *node) { n.Endpoint.Address = n.Address.Addr() }, "Endpoint"},
		"endpoint is the gateway":  {first, func(n *node) { n.Endpoint.Address = n.Gateway }, "Endpoint"},
		"endpoint out of reach":    {joining, func(n *node) { n.Endpoint.Address = addr("172.20.0.10") }, "Endpoint"},
		"endpoint of other family": {worker, func(n *node) { n.Endpoint.Address = addr("fd00::10") }, "Endpoint"},
		"no pod network":           {worker, func(n *node) { n.PodCIDR = "" }, "PodCIDR"},
		"host bits":                {worker, func(n *node) { n.PodCIDR = "10.244.0.1/16" }, "PodCIDR"},
		"pod network too small":    {worker, func(n *node) { n.PodCIDR = "10.244.0.0/25" }, "PodCIDR"},
		"pod network too large":    {worker, func(n *node) { n.PodCIDR = "16.0.0.0/7" }, "PodCIDR"},
		"pod network of IPv6":      {worker, func(n *node) { n.PodCIDR = "fd00::/56" }, "PodCIDR"},
		"pods overlap the nodes":   {worker, func(n *node) { n.PodCIDR = "10.10.0.0/16" }, "PodCIDR"},
		"pods over the router": {worker, func(n *node) {
			n.Gateway = addr("172.20.0.1")
			n.PodCIDR = "172.20.0.0/16"
		}, "PodCIDR"},
		"services overlap the pods": {worker, func(n *node) { n.ServiceCIDR = "10.244.128.0/20" }, "ServiceCIDR"},
		"services too large":        {worker, func(n *node) { n.ServiceCIDR = "176.0.0.0/11" }, "ServiceCIDR"},
		"services too small":        {worker, func(n *node) { n.ServiceCIDR = "10.96.0.0/29" }, "ServiceCIDR"},
		"label key":                 {worker, func(n *node) { n.NodeLabels = map[string]string{"a=b,c": "d"} }, `NodeLabels["a=b,c"]`},
		"label value":               {worker, func(n *node) { n.NodeLabels = map[string]string{"a": "b,c=d"} }, `NodeLabels["a"]`},
		"label kubelet refuses": {worker, func(n *node) {
			n.NodeLabels = map[string]string{"node-role.kubernetes.io/worker": ""}
		}, `NodeLabels["node-role.kubernetes.io/worker"]`},
		"empty SSH key":          {worker, func(n *node) { n.SSHAuthorizedKeys = []string{""} }, "SSHAuthorizedKeys[0]"},
		"two SSH keys in one":    {worker, func(n *node) { n.SSHAuthorizedKeys[0] += "\n" + n.SSHAuthorizedKeys[0] }, "SSHAuthorizedKeys[0]"},
		"SSH key with its line":  {worker, func(n *node) { n.SSHAuthorizedKeys[0] += "\n" }, "SSHAuthorizedKeys[0]"},
		"NTP server":             {worker, func(n *node) { n.NTPServers = []string{"ntp.example.com", "http://ntp"} }, "NTPServers[1]"},
		"proxy without scheme":   {worker, func(n *node) { n.Proxy = &bootstrap.Proxy{HTTP: "proxy:3128"} }, "Proxy.HTTP"},
		"proxy with a newline":   {worker, func(n *node) { n.Proxy = &bootstrap.Proxy{HTTPS: "http://p:3128\nExecStart=x"} }, "Proxy.HTTPS"},
		"SOCKS proxy":            {worker, func(n *node) { n.Proxy = &bootstrap.Proxy{HTTPS: "socks5://p:1080"} }, "Proxy.HTTPS"},
		"newline in no_proxy":    {worker, func(n *node) { n.Proxy = &bootstrap.Proxy{NoProxy: "a\nb"} }, "Proxy.NoProxy"},
		"proxy CA":               {worker, func(n *node) { n.Proxy = &bootstrap.Proxy{CACertificate: "yes"} }, "Proxy.CACertificate"},
		"no authorities":         {first, func(n *node) { n.Authorities = nil }, "Authorities"},
		"authorities for others": {worker, func(n *node) { n.Authorities = must(authorities()) }, "Authorities"},
		"no token":               {worker, func(n *node) { n.Token = "" }, "Token"},
		"token's form":           {worker, func(n *node) { n.Token = "ABCDEF.0123456789abcdef" }, "Token"},
		"token for the first":    {first, func(n *node) { n.Token = token }, "Token"},
		"no hash":                {joining, func(n *node) { n.CAHash = "" }, "CAHash"},
		"unsafe hash":            {worker, func(n *node) { n.CAHash = "sha256:" }, "CAHash"},
		"no certificate key":     {joining, func(n *node) { n.CertificateKey = "" }, "CertificateKey"},
		"key for a worker":       {worker, func(n *node) { n.CertificateKey = certificateKey }, "CertificateKey"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, test.role)
			test.spoil(&n)
			_, errUserdata := bootstrap.Userdata(n)
			_, errMetadata := bootstrap.Metadata(n)
			_, errGuestInfo := bootstrap.GuestInfo(n)
			for _, err := range []error{errUserdata, errMetadata, errGuestInfo} {
				fault, ok := errors.AsType[*bootstrap.FieldError](err)
				if !ok {
					t.Fatalf("error %v, want a *FieldError", err)
				}
				if name != "role" && fault.Field != test.field || !strings.Contains(err.Error(), test.field+": ") {
					t.Errorf("error %q, want one about %s", err, test.field)
				}
			}
		})
	}
}

func TestRefusalsQuoteNoSecret(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.ControlPlane)
	node.Token = "hush-token"
	node.CertificateKey = "hush-key"
	node.Proxy = &bootstrap.Proxy{HTTP: "proxy://svc:hush-password@proxy"}
	_, err := bootstrap.Userdata(node)
	if err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("error %v", err)
	}
	for _, field := range []string{"Token: ", "CertificateKey: ", "Proxy.HTTP: "} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%q does not name %s", err, field)
		}
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
