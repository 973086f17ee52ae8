package bootstrap_test

import (
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// convert lets cloud-init's own command render a document for several systems, in one
// process, since most of its time is for its modules to load.
const convert = `
import json, sys
from cloudinit.cmd.devel import net_convert

for job in json.load(sys.stdin):
    arguments = net_convert.get_parser().parse_args([
        "--network-data", job["document"], "--kind", "yaml", "--directory", job["directory"],
        "--distro", job["distro"], "--output-kind", job["renderer"]])
    net_convert.handle_args("net-convert", arguments)
`

// rendering is what cloud-init makes of a node's network for one kind of system.
type rendering struct{ renderer, distro, file string }

var (
	netplan        = rendering{"netplan", "ubuntu", "/etc/netplan/50-cloud-init.yaml"}
	networkd       = rendering{"networkd", "photon", "/etc/systemd/network/10-cloud-init-eth0.network"}
	networkManager = rendering{"network-manager", "rhel", "/etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection"}
	sysconfig      = rendering{"sysconfig", "rhel", "/etc/sysconfig/network-scripts/ifcfg-eth0"}
	renderings     = []rendering{netplan, networkd, networkManager, sysconfig}
)

// The networks that are rendered: of either family, with a router in the node's network
// and with one outside.
const (
	onFour    = "IPv4"
	onSix     = "IPv6"
	outside   = "IPv4 with a router outside"
	linkLocal = "IPv6 with a link-local router"
	byLease   = "lease"
)

// networks are a node on each of them.
func networks(t testing.TB) map[string]bootstrap.Node {
	four := newNode(t, bootstrap.Worker)
	six := onIPv6(four)
	nodes := map[string]bootstrap.Node{onFour: four, onSix: six}
	four.Gateway = netip.MustParseAddr("10.9.0.1")
	nodes[outside] = four
	six.Gateway = netip.MustParseAddr("fe80::1")
	nodes[linkLocal] = six
	nodes[byLease] = leased(newNode(t, bootstrap.Worker))
	return nodes
}

// renderedOnce are the renderings of all networks: they take seconds, and the tests
// only read them.
var renderedOnce = struct {
	sync.Mutex
	files map[string]map[rendering]string
}{}

// rendered returns the file that each renderer makes of a network.
func rendered(t *testing.T, name string) map[rendering]string {
	t.Helper()
	python := interpreter(t, tool(t, "cloud-init", "Debian package cloud-init"))
	renderedOnce.Lock()
	defer renderedOnce.Unlock()
	if renderedOnce.files != nil {
		return renderedOnce.files[name]
	}
	directory := t.TempDir()
	var jobs []map[string]string
	for name, node := range networks(t) {
		var metadata struct {
			Network any `json:"network"`
		}
		if err := yaml.Unmarshal(must(bootstrap.Metadata(node)), &metadata); err != nil {
			t.Fatal(err)
		}
		document := writeTemporary(t, "network.yaml", string(must(yaml.Marshal(map[string]any{"network": metadata.Network}))))
		for _, r := range renderings {
			jobs = append(jobs, map[string]string{
				"document": document, "directory": filepath.Join(directory, name, r.renderer), "distro": r.distro, "renderer": r.renderer,
			})
		}
	}
	command := exec.CommandContext(t.Context(), python, "-c", convert)
	command.Stdin = strings.NewReader(string(must(json.Marshal(jobs))))
	if output, err := command.CombinedOutput(); err != nil {
		if strings.Contains(string(output), "ModuleNotFoundError") {
			missing(t, "cloud-init's modules cannot be imported: %s", output)
		}
		t.Fatalf("%v\n%s", err, output)
	}
	renderedOnce.files = map[string]map[rendering]string{}
	for name := range networks(t) {
		renderedOnce.files[name] = map[rendering]string{}
		for _, r := range renderings {
			renderedOnce.files[name][r] = string(must(os.ReadFile(filepath.Join(directory, name, r.renderer, r.file))))
		}
	}
	return renderedOnce.files[name]
}

// lines returns those of a text, without blanks around them.
func lines(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			found = append(found, line)
		}
	}
	return found
}

// Whichever system the image is of: the card is found by its MAC address, and has the
// address, the router and the DNS servers.
func TestEveryRendererConfiguresTheCard(t *testing.T) {
	t.Parallel()
	for name, wanted := range map[string]map[rendering][]string{
		onFour: {
			netplan: {
				"macaddress: 00:50:56:0a:b7:0b", "set-name: eth0", "- 10.10.183.11/18", "-   to: 0.0.0.0/0", "via: 10.10.128.1",
				"- 8.8.8.8", "- 1.1.1.1", "- example.com", "accept-ra: false",
			},
			networkd: {
				"MACAddress=00:50:56:0a:b7:0b", "Name=eth0", "Address=10.10.183.11/18", "Destination=0.0.0.0/0", "Gateway=10.10.128.1",
				"DNS=8.8.8.8 1.1.1.1", "Domains=example.com", "DHCP=no",
			},
			networkManager: {
				"mac-address=00:50:56:0A:B7:0B", "address1=10.10.183.11/18", "route1=0.0.0.0/0,10.10.128.1",
				"dns=8.8.8.8;1.1.1.1;", "dns-search=example.com;", "method=manual",
			},
			sysconfig: {
				"HWADDR=00:50:56:0a:b7:0b", "DEVICE=eth0", "IPADDR=10.10.183.11", "NETMASK=255.255.192.0", "GATEWAY=10.10.128.1",
				"DNS1=8.8.8.8", "DNS2=1.1.1.1", "DOMAIN=example.com", "BOOTPROTO=none", "IPV6_FORCE_ACCEPT_RA=no",
			},
		},
		onSix: {
			netplan: {"macaddress: 00:50:56:0a:b7:0b", "- fd00:10::11/64", "gateway6: fd00:10::1", "- fd00:10::53", "accept-ra: false"},
			networkd: {
				"MACAddress=00:50:56:0a:b7:0b", "Name=eth0", "Address=fd00:10::11/64", "Gateway=fd00:10::1", "DNS=fd00:10::53", "DHCP=no",
			},
			networkManager: {
				"mac-address=00:50:56:0A:B7:0B", "address1=fd00:10::11/64", "gateway=fd00:10::1", "dns=fd00:10::53;", "method=manual",
			},
			sysconfig: {
				"HWADDR=00:50:56:0a:b7:0b", "DEVICE=eth0", "IPV6ADDR=fd00:10::11/64", "IPV6_DEFAULTGW=fd00:10::1", "DNS1=fd00:10::53",
				"IPV6_AUTOCONF=no", "IPV6_FORCE_ACCEPT_RA=no",
			},
		},
		// networkd has the way to this router from our drop-in. NetworkManager makes one for
		// any default route, and reads the files of sysconfig on all but old systems.
		outside: {
			netplan:        {"-   on-link: true", "to: 0.0.0.0/0", "via: 10.9.0.1"},
			networkd:       {"Destination=0.0.0.0/0", "Gateway=10.9.0.1"},
			networkManager: {"route1=0.0.0.0/0,10.9.0.1"},
			sysconfig:      {"GATEWAY=10.9.0.1", "DEFROUTE=yes"},
		},
		linkLocal: {
			netplan:        {"gateway6: fe80::1"},
			networkd:       {"Gateway=fe80::1"},
			networkManager: {"gateway=fe80::1"},
			sysconfig:      {"IPV6_DEFAULTGW=fe80::1"},
		},
		// What identifies the card to its server is left out by all but netplan: networkd has
		// it from our drop-in, and NetworkManager asks by the MAC address by itself.
		byLease: {
			netplan: {
				"macaddress: 00:50:56:0a:b7:0b", "set-name: eth0", "dhcp4: true", "dhcp6: false", "dhcp-identifier: mac", "accept-ra: false",
			},
			networkd:       {"MACAddress=00:50:56:0a:b7:0b", "Name=eth0", "DHCP=ipv4"},
			networkManager: {"mac-address=00:50:56:0A:B7:0B", "method=auto"},
			sysconfig:      {"HWADDR=00:50:56:0a:b7:0b", "DEVICE=eth0", "BOOTPROTO=dhcp", "IPV6_FORCE_ACCEPT_RA=no"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := rendered(t, name)
			for r, want := range wanted {
				got := lines(files[r])
				for _, line := range want {
					if !slices.Contains(got, line) {
						t.Errorf("%s: %q is not in\n%s", r.renderer, line, strings.Join(got, "\n"))
					}
				}
			}
			// Of a default route over IPv6, cloud-init 22.4 makes one to ::/64.
			for _, r := range renderings {
				if strings.Contains(files[r], "=::/64") || strings.Contains(files[r], " ::/64") {
					t.Errorf("%s: a route to ::/64:\n%s", r.renderer, files[r])
				}
			}
		})
	}
}

// The renderer for networkd drops accept-ra and on-link. The drop-in has to be that of
// its unit.
func TestNetworkdIsToldTheRest(t *testing.T) {
	t.Parallel()
	const refuses = "[Network]\nIPv6AcceptRA=no\n"
	for name, node := range networks(t) {
		for _, key := range []string{"IPv6AcceptRA", "GatewayOnLink"} {
			if strings.Contains(rendered(t, name)[networkd], key) {
				t.Logf("this cloud-init passes %s on", key)
			}
		}
		want := map[string]string{networkd.file + ".d": refuses}
		if name == outside {
			want[networkd.file+".d"] += "\n[Route]\nDestination=10.9.0.1/32\n"
		}
		if name == byLease {
			want[networkd.file+".d"] += "\n[DHCPv4]\nClientIdentifier=mac\n"
		}
		dropIns := map[string]string{}
		for _, file := range userdata(t, node).WriteFiles {
			if strings.HasPrefix(file.Path, path.Dir(networkd.file)) {
				dropIns[path.Dir(file.Path)] = file.Content
			}
		}
		if !maps.Equal(dropIns, want) {
			t.Errorf("%s: drop-ins %q, want %q", name, dropIns, want)
		}
	}
}

// What an installer has left in the template matches the card as well. networkd takes
// the first unit that does, by name.
func TestNetplanPrefersOurs(t *testing.T) {
	t.Parallel()
	generator := tool(t, "netplan", "Debian package netplan.io")
	for family, want := range map[string][]string{
		onFour:    {"Address=10.10.183.11/18", "Gateway=10.10.128.1", "DNS=8.8.8.8"},
		onSix:     {"Address=fd00:10::11/64", "Gateway=fd00:10::1", "DNS=fd00:10::53"},
		outside:   {"Gateway=10.9.0.1", "GatewayOnLink=true"},
		linkLocal: {"Gateway=fe80::1"},
		byLease:   {"DHCP=ipv4", "ClientIdentifier=mac"},
	} {
		ours := rendered(t, family)[netplan]
		want := append([]string{"PermanentMACAddress=" + networks(t)[family].MAC, "IPv6AcceptRA=no"}, want...)
		for name, left := range map[string]string{
			"by name":    "ens192: {dhcp4: true}",
			"by pattern": "all: {match: {name: \"e*\"}, dhcp4: true}",
			"by driver":  "00-first: {match: {driver: vmxnet3}, dhcp4: true, set-name: lan}",
			"our name":   "eth0: {dhcp4: true, dhcp6: true}",
		} {
			if family != onFour && name != "by pattern" {
				continue // of the order, IPv4 has shown it
			}
			root := t.TempDir()
			for path, content := range map[string]string{
				netplan.file:                            ours,
				"/etc/netplan/00-installer-config.yaml": "network: {version: 2, ethernets: {" + left + "}}\n",
			} {
				if err := os.MkdirAll(filepath.Join(root, "etc/netplan"), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, path), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if output, err := run(t, generator, "generate", "--root-dir", root); err != nil {
				t.Fatalf("%s %s: %v\n%s", family, name, err, output)
			}
			units := must(filepath.Glob(filepath.Join(root, "run/systemd/network/*.network")))
			if len(units) != 2 {
				t.Fatalf("%s %s: units %q, want ours and the one that was left", family, name, units)
			}
			slices.Sort(units)
			got := lines(string(must(os.ReadFile(units[0]))))
			for _, line := range want {
				if !slices.Contains(got, line) {
					t.Errorf("%s %s: %q is not in %s, which comes first:\n%s",
						family, name, line, filepath.Base(units[0]), strings.Join(got, "\n"))
				}
			}
		}
	}
}
