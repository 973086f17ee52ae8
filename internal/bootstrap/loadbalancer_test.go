package bootstrap_test

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

func newLoadBalancer(t testing.TB) bootstrap.LoadBalancer {
	t.Helper()
	return bootstrap.LoadBalancer{
		ClusterName:       "prod-1",
		Name:              "prod-1-lb",
		InstanceID:        "2C4e28ba-2fa1-5b5c-883f-0016d3cca427",
		MAC:               "00:50:56:0a:b7:01",
		KubernetesVersion: "1.37.2",
		HAProxyImage:      bootstrap.DefaultHAProxyImage,
		CACertificate:     must(authorities()).CA.Cert,
		SSHAuthorizedKeys: newNode(t, bootstrap.Worker).SSHAuthorizedKeys,
		NTPServers:        []string{"ntp.example.com"},
	}
}

func loadBalancerUserdata(t testing.TB, lb bootstrap.LoadBalancer) cloudConfig {
	t.Helper()
	values, err := bootstrap.LoadBalancerGuestInfo(lb)
	if err != nil {
		t.Fatal(err)
	}
	return parseUserdata(t, decode(t, values["guestinfo.userdata"]))
}

func TestLoadBalancerGolden(t *testing.T) {
	t.Parallel()
	named := newLoadBalancer(t)
	named.HostName = "api.prod-1.example.com"
	named.Proxy = behindProxy(t, newNode(t, bootstrap.Worker)).Proxy
	for name, lb := range map[string]bootstrap.LoadBalancer{"balancer": newLoadBalancer(t), "balancer-named": named} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values, err := bootstrap.LoadBalancerGuestInfo(lb)
			if err != nil {
				t.Fatal(err)
			}
			metadata, err := base64.StdEncoding.DecodeString(values["guestinfo.metadata"])
			if err != nil {
				t.Fatal(err)
			}
			golden(t, string(metadata), name, "metadata.yaml")
			config := loadBalancerUserdata(t, lb)
			golden(t, config.listing(), name, "files.txt")
			for _, path := range []string{
				"/etc/gantry/haproxy.yaml",
				"/etc/gantry/kubelet.yaml",
				"/etc/gantry/machine-id",
				"/etc/gantry/leased-files",
				"/etc/gantry/proxy.env",
				"/etc/systemd/system/gantry-load-balancer.service",
				"/etc/systemd/system/kubelet.service.d/99-gantry-load-balancer.conf",
				"/etc/systemd/network/10-cloud-init-eth0.network.d/50-gantry.conf",
			} {
				if content := config.file(path); content != "" {
					golden(t, content, name, filepath.Base(path))
				}
			}
		})
	}
	config, err := bootstrap.HAProxyConfig(addresses("10.10.183.12", "10.10.183.11"))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, string(config), "balancer", "haproxy.cfg")
}

func addresses(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

func TestLoadBalancerRefusalsNameTheField(t *testing.T) {
	t.Parallel()
	type balancer = bootstrap.LoadBalancer
	for name, test := range map[string]struct {
		spoil func(*balancer)
		field string
	}{
		"no cluster":           {func(lb *balancer) { lb.ClusterName = "" }, "ClusterName"},
		"no name":              {func(lb *balancer) { lb.Name = "" }, "Name"},
		"instance id":          {func(lb *balancer) { lb.InstanceID = "vm-1" }, "InstanceID"},
		"version":              {func(lb *balancer) { lb.KubernetesVersion = "1.30.1" }, "KubernetesVersion"},
		"no MAC":               {func(lb *balancer) { lb.MAC = "" }, "MAC"},
		"no image":             {func(lb *balancer) { lb.HAProxyImage = "" }, "HAProxyImage"},
		"image of no registry": {func(lb *balancer) { lb.HAProxyImage = "haproxy:3.0" }, "HAProxyImage"},
		"image of a user":      {func(lb *balancer) { lb.HAProxyImage = "library/haproxy:3.0" }, "HAProxyImage"},
		"image in capitals":    {func(lb *balancer) { lb.HAProxyImage = "docker.io/library/HAProxy:3.0" }, "HAProxyImage"},
		"image with a command": {func(lb *balancer) { lb.HAProxyImage = "docker.io/haproxy:3.0\n  command: [sh]" }, "HAProxyImage"},
		"image without name":   {func(lb *balancer) { lb.HAProxyImage = "docker.io/" }, "HAProxyImage"},
		"host name":            {func(lb *balancer) { lb.HostName = "api_1.example.com" }, "HostName"},
		"address for a name":   {func(lb *balancer) { lb.HostName = "10.0.0.1" }, "HostName"},
		"SSH key":              {func(lb *balancer) { lb.SSHAuthorizedKeys = []string{""} }, "SSHAuthorizedKeys[0]"},
		"NTP server":           {func(lb *balancer) { lb.NTPServers = []string{"http://ntp"} }, "NTPServers[0]"},
		"proxy":                {func(lb *balancer) { lb.Proxy = &bootstrap.Proxy{HTTP: "proxy:1"} }, "Proxy.HTTP"},
		"no authority":         {func(lb *balancer) { lb.CACertificate = nil }, "CACertificate"},
		"a key for one":        {func(lb *balancer) { lb.CACertificate = must(authorities()).CA.Key }, "CACertificate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb := newLoadBalancer(t)
			test.spoil(&lb)
			values, err := bootstrap.LoadBalancerGuestInfo(lb)
			fault, ok := errors.AsType[*bootstrap.FieldError](err)
			if !ok || fault.Field != test.field || values != nil {
				t.Errorf("error %v, want one about %s", err, test.field)
			}
			// All but the authority a plan can say.
			if found := bootstrap.CheckLoadBalancer(lb); (len(found) == 0) != (test.field == "CACertificate") {
				t.Errorf("a plan finds %v", found)
			}
		})
	}
}

func TestImagesOfRegistries(t *testing.T) {
	t.Parallel()
	for _, image := range []string{
		bootstrap.DefaultHAProxyImage, "registry.example.com:5000/mirror/haproxy:2.6", "localhost/haproxy", "10.0.0.1:5000/haproxy:2.6",
		"docker.io/library/haproxy@sha256:" + strings.Repeat("0a", 32), "docker.io/library/haproxy:3.0@sha256:" + strings.Repeat("0a", 32),
	} {
		if err := bootstrap.CheckImage(image); err != nil {
			t.Errorf("%s is refused: %v", image, err)
		}
	}
}

func TestBackends(t *testing.T) {
	t.Parallel()
	list, err := bootstrap.Backends(addresses("10.0.0.10", "10.0.0.9", "10.0.0.2"))
	if err != nil || list != "10.0.0.2,10.0.0.9,10.0.0.10" {
		t.Errorf("backends %q (error %v)", list, err)
	}
	for name, wrong := range map[string][]netip.Addr{
		"none":      nil,
		"double":    addresses("10.0.0.1", "10.0.0.2", "10.0.0.1"),
		"IPv6":      addresses("10.0.0.1", "fd00::1"),
		"loopback":  addresses("127.0.0.1"),
		"no one":    {netip.Addr{}},
		"a network": addresses("0.0.0.0"),
		"a group":   addresses("224.0.0.1"),
	} {
		if list, err := bootstrap.Backends(wrong); err == nil {
			t.Errorf("%s: %q", name, list)
		}
		if config, err := bootstrap.HAProxyConfig(wrong); err == nil || config != nil {
			t.Errorf("%s: %q", name, config)
		}
	}
}
