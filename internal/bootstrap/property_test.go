package bootstrap_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

const proxyPath = "/etc/gantry/proxy.env"

// environmentFile reads the file as systemd's parse_env_file does: in double quotes a
// backslash escapes what it does in a shell, and only that.
func environmentFile(t *rapid.T, text string) map[string]string {
	environment := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
			t.Fatalf("value %q is not quoted", value)
		}
		var plain strings.Builder
		for rest := value[1 : len(value)-1]; rest != ""; {
			switch {
			case rest[0] == '"':
				t.Fatalf("a quote ends %q", value)
			case rest[0] == '\\' && len(rest) > 1 && strings.ContainsRune("\"\\`$", rune(rest[1])):
				plain.WriteByte(rest[1])
				rest = rest[2:]
			case rest[0] == '\\':
				t.Fatalf("a backslash in %q escapes nothing", value)
			default:
				plain.WriteByte(rest[0])
				rest = rest[1:]
			}
		}
		environment[name] = plain.String()
	}
	return environment
}

func TestProxiesSurviveQuoting(t *testing.T) {
	t.Parallel()
	worker := newNode(t, bootstrap.Worker)
	rapid.Check(t, func(t *rapid.T) {
		node := worker
		// What url.Parse lets through in a password and a path, and some more.
		odd := rapid.StringOf(rapid.RuneFrom([]rune("aZ0'\"$&*;:,!~()\\%25é#<>| {}`")))
		node.Proxy = &bootstrap.Proxy{
			HTTP:    "http://u:" + odd.Draw(t, "password") + "@proxy:3128",
			HTTPS:   "https://proxy:3129/" + odd.Draw(t, "path"),
			NoProxy: odd.Draw(t, "no_proxy"),
		}
		data, err := bootstrap.Userdata(node)
		if err != nil {
			return // not a URL: refused, which is as good
		}
		var config cloudConfig
		if err := yaml.UnmarshalStrict(data, &config); err != nil {
			t.Fatal(err)
		}
		environment := environmentFile(t, config.file(proxyPath))
		for name, want := range map[string]string{
			"HTTP_PROXY": node.Proxy.HTTP, "http_proxy": node.Proxy.HTTP,
			"HTTPS_PROXY": node.Proxy.HTTPS, "https_proxy": node.Proxy.HTTPS,
			"no_proxy": environment["NO_PROXY"],
		} {
			if environment[name] != want {
				t.Fatalf("%s is %q, want %q", name, environment[name], want)
			}
		}
		direct := strings.Split(environment["NO_PROXY"], ",")
		for _, want := range []string{
			"localhost", "127.0.0.1", ".svc", ".cluster.local", "10.244.0.0/16", "10.96.0.0/12", "10.10.128.0/18", "10.10.183.1",
		} {
			if !slices.Contains(direct, want) {
				t.Fatalf("NO_PROXY %q lacks %s", direct, want)
			}
		}
		for entry := range strings.SplitSeq(node.Proxy.NoProxy, ",") {
			if entry = strings.TrimSpace(entry); entry != "" && !slices.Contains(direct, entry) {
				t.Fatalf("NO_PROXY %q lacks %q", direct, entry)
			}
		}
	})
}

// Whatever the labels, kubeadm's flag either means exactly them or the node is
// refused.
func TestLabelsSurviveOrAreRefused(t *testing.T) {
	t.Parallel()
	worker := newNode(t, bootstrap.Worker)
	rapid.Check(t, func(t *rapid.T) {
		node := worker
		characters := rapid.StringOf(rapid.RuneFrom([]rune("aZ09-_./=,:'\"\n %é{}#")))
		node.NodeLabels = rapid.MapOf(characters, characters).Draw(t, "labels")
		node.NodeLabels["topology.kubernetes.io/zone"] = rapid.StringMatching(`(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?`).
			Filter(func(s string) bool { return len(s) <= 63 }).Draw(t, "zone")
		data, err := bootstrap.Userdata(node)
		if err != nil {
			if !strings.Contains(err.Error(), "NodeLabels[") || len(node.NodeLabels) == 1 {
				t.Fatal(err)
			}
			return
		}
		var config cloudConfig
		if err := yaml.UnmarshalStrict(data, &config); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for pair := range strings.SplitSeq(kubeletArgument(t, config.file("/etc/gantry/kubeadm.yaml"), "node-labels"), ",") {
			key, value, _ := strings.Cut(pair, "=")
			got[key] = value
		}
		if fmt.Sprint(got) != fmt.Sprint(node.NodeLabels) {
			t.Fatalf("labels %v, want %v", got, node.NodeLabels)
		}
	})
}

// kubeletArgument reads an argument in the form of either kubeadm format.
func kubeletArgument(t *rapid.T, document, name string) string {
	var config struct {
		NodeRegistration struct {
			KubeletExtraArgs any `json:"kubeletExtraArgs"`
		} `json:"nodeRegistration"`
	}
	if err := yaml.Unmarshal([]byte(document), &config); err != nil {
		t.Fatal(err)
	}
	switch arguments := config.NodeRegistration.KubeletExtraArgs.(type) {
	case map[string]any:
		return fmt.Sprint(arguments[name])
	case []any:
		for _, argument := range arguments {
			if pair, ok := argument.(map[string]any); ok && pair["name"] == name {
				return fmt.Sprint(pair["value"])
			}
		}
	}
	t.Fatalf("no argument %s in %v", name, config.NodeRegistration.KubeletExtraArgs)
	return ""
}

// Any network that passes gives metadata in which the address, its route and
// the wait agree on the family.
func TestNetworksAgree(t *testing.T) {
	t.Parallel()
	four, six := newNode(t, bootstrap.Worker), onIPv6(newNode(t, bootstrap.Worker))
	rapid.Check(t, func(t *rapid.T) {
		node, bits := four, 32
		if rapid.Bool().Draw(t, "ipv6") {
			node, bits = six, 128
		}
		raw := rapid.SliceOfN(rapid.Byte(), bits/8, bits/8).Draw(t, "address")
		address, _ := netip.AddrFromSlice(raw)
		node.Address = netip.PrefixFrom(address, rapid.IntRange(1, bits).Draw(t, "length"))
		raw[len(raw)-1] ^= rapid.Byte().Draw(t, "gateway")
		node.Gateway, _ = netip.AddrFromSlice(raw)
		data, err := bootstrap.Metadata(node)
		if err != nil {
			if !strings.Contains(err.Error(), "Address: ") && !strings.Contains(err.Error(), "Gateway: ") &&
				!strings.Contains(err.Error(), "CIDR: ") && !strings.Contains(err.Error(), "Endpoint: ") {
				t.Fatal(err)
			}
			return
		}
		var metadata struct {
			Wait    map[string]bool `json:"wait-on-network"`
			Network struct {
				Ethernets map[string]struct {
					Match     map[string]string `json:"match"`
					AcceptRA  *bool             `json:"accept-ra"`
					Addresses []string          `json:"addresses"`
					Gateway6  string            `json:"gateway6"`
					Routes    []struct {
						To, Via string
						OnLink  bool `json:"on-link"`
					} `json:"routes"`
				} `json:"ethernets"`
			} `json:"network"`
		}
		if err := yaml.Unmarshal(data, &metadata); err != nil {
			t.Fatal(err)
		}
		nic := metadata.Network.Ethernets["0-gantry"]
		if nic.Match["macaddress"] != node.MAC || nic.AcceptRA == nil || *nic.AcceptRA {
			t.Fatalf("card %+v", nic)
		}
		if len(nic.Addresses) != 1 || nic.Addresses[0] != node.Address.String() {
			t.Fatalf("addresses %v", nic.Addresses)
		}
		if bits == 128 {
			if nic.Gateway6 != node.Gateway.String() || len(nic.Routes) > 0 {
				t.Fatalf("gateway %q, routes %v", nic.Gateway6, nic.Routes)
			}
		} else if len(nic.Routes) != 1 || nic.Routes[0].Via != node.Gateway.String() || nic.Routes[0].To != "0.0.0.0/0" ||
			nic.Routes[0].OnLink == node.Address.Contains(node.Gateway) {
			t.Fatalf("routes %v", nic.Routes)
		}
		if metadata.Wait["ipv4"] != (bits == 32) || metadata.Wait["ipv6"] != (bits == 128) {
			t.Fatalf("waits on %v", metadata.Wait)
		}
	})
}
