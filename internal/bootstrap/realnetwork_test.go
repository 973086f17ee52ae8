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

// renderings of each node's network, by its address: they take seconds, and the tests
// only read them.
var renderedOnce = struct {
	sync.Mutex
	files map[netip.Prefix]map[rendering]string
}{files: map[netip.Prefix]map[rendering]string{}}

// rendered returns the file that each renderer makes of a node's network.
func rendered(t *testing.T, node bootstrap.Node) map[rendering]string {
	t.Helper()
	python := interpreter(t, tool(t, "cloud-init", "Debian package cloud-init"))
	renderedOnce.Lock()
	defer renderedOnce.Unlock()
	if files := renderedOnce.files[node.Address]; files != nil {
		return files
	}
	var metadata struct {
		Network any `json:"network"`
	}
	if err := yaml.Unmarshal(must(bootstrap.Metadata(node)), &metadata); err != nil {
		t.Fatal(err)
	}
	document := writeTemporary(t, "network.yaml", string(must(yaml.Marshal(map[string]any{"network": metadata.Network}))))
	directory := t.TempDir()
	var jobs []map[string]string
	for _, r := range renderings {
		jobs = append(jobs, map[string]string{
			"document": document, "directory": filepath.Join(directory, r.renderer), "distro": r.distro, "renderer": r.renderer,
		})
	}
	command := exec.CommandContext(t.Context(), python, "-c", convert)
	command.Stdin = strings.NewReader(string(must(json.Marshal(jobs))))
	if output, err := command.CombinedOutput(); err != nil {
		if strings.Contains(string(output), "ModuleNotFoundError") {
			missing(t, "cloud-init's modules cannot be imported: %s", output)
		}
		t.Fatalf("%v\n%s", err, output)
	}
	files := map[rendering]string{}
	for _, r := range renderings {
		files[r] = string(must(os.ReadFile(filepath.Join(directory, r.renderer, r.file))))
	}
	renderedOnce.files[node.Address] = files
	return files
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
	four := newNode(t, bootstrap.Worker)
	for name, test := range map[string]struct {
		node bootstrap.Node
		want map[rendering][]string
	}{
		"IPv4": {four, map[rendering][]string{
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
		}},
		"IPv6": {onIPv6(four), map[rendering][]string{
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
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := rendered(t, test.node)
			for r, want := range test.want {
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

// The renderer for networkd drops accept-ra. The drop-in has to be that of its unit.
func TestNetworkdIsToldAboutAdvertisements(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.Worker)
	if strings.Contains(rendered(t, node)[networkd], "IPv6AcceptRA") {
		t.Log("this cloud-init passes accept-ra on")
	}
	dropIns := map[string]string{}
	for _, file := range userdata(t, node).WriteFiles {
		if strings.HasPrefix(file.Path, path.Dir(networkd.file)) {
			dropIns[path.Dir(file.Path)] = file.Content
		}
	}
	if want := map[string]string{networkd.file + ".d": "[Network]\nIPv6AcceptRA=no\n"}; !maps.Equal(dropIns, want) {
		t.Errorf("drop-ins %q, want %q", dropIns, want)
	}
}

// What an installer has left in the template matches the card as well. networkd takes
// the first unit that does, by name.
func TestNetplanPrefersOurs(t *testing.T) {
	t.Parallel()
	generator := tool(t, "netplan", "Debian package netplan.io")
	four := newNode(t, bootstrap.Worker)
	for family, test := range map[string]struct {
		node bootstrap.Node
		want []string
	}{
		"IPv4": {four, []string{"Address=10.10.183.11/18", "Gateway=10.10.128.1", "DNS=8.8.8.8"}},
		"IPv6": {onIPv6(four), []string{"Address=fd00:10::11/64", "Gateway=fd00:10::1", "DNS=fd00:10::53"}},
	} {
		ours := rendered(t, test.node)[netplan]
		want := append([]string{"PermanentMACAddress=" + four.MAC, "IPv6AcceptRA=no"}, test.want...)
		for name, left := range map[string]string{
			"by name":    "ens192: {dhcp4: true}",
			"by pattern": "all: {match: {name: \"e*\"}, dhcp4: true}",
			"by driver":  "00-first: {match: {driver: vmxnet3}, dhcp4: true, set-name: lan}",
			"our name":   "eth0: {dhcp4: true, dhcp6: true}",
		} {
			if family == "IPv6" && name != "by pattern" {
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
