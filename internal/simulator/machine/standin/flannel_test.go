package standin_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

const (
	dual = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\n" +
		"FLANNEL_IPV6_NETWORK=2001:db8:42::/56\nFLANNEL_IPV6_SUBNET=2001:db8:42:3::1/64\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"
	single4 = "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n"
	single6 = "FLANNEL_IPV6_NETWORK=2001:db8:42::/56\nFLANNEL_IPV6_SUBNET=2001:db8:42:3::1/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=true\n"
)

func TestFlannelDelegates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, subnet, config, want string }{
		{
			name: "what the gateway installs", subnet: single4,
			config: `"delegate":{"hairpinMode":true,"isDefaultGateway":true}`,
			want: `{"cniVersion":"0.3.1","name":"cbr0","type":"bridge","hairpinMode":true,"isDefaultGateway":true,"isGateway":true,
				"ipMasq":true,"mtu":1450,"ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.3.0/24"}]],"routes":[{"dst":"10.244.0.0/16"}]}}`,
		},
		{
			name: "both families, no delegate", subnet: dual, config: `"runtimeConfig":{"mac":"00:11:22:33:44:66"}`,
			want: `{"cniVersion":"0.3.1","name":"cbr0","type":"bridge","isGateway":true,"ipMasq":false,"mtu":1450,
				"runtimeConfig":{"mac":"00:11:22:33:44:66"},
				"ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.3.0/24"}],[{"subnet":"2001:db8:42:3::/64"}]],
				"routes":[{"dst":"10.244.0.0/16"},{"dst":"2001:db8:42::/56"}]}}`,
		},
		{
			name: "only IPv6, all overridden", subnet: single6,
			config: `"delegate":{"type":"bridge","mtu":1300,"ipMasq":true,"isGateway":false},"ipam":{"dataDir":"/x","routes":[{"dst":"::/0"}]}`,
			want: `{"cniVersion":"0.3.1","name":"cbr0","type":"bridge","isGateway":false,"ipMasq":true,"mtu":1300,
				"ipam":{"type":"host-local","dataDir":"/x","ranges":[[{"subnet":"2001:db8:42:3::/64"}]],
				"routes":[{"dst":"::/0"},{"dst":"2001:db8:42::/56"}]}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, c.subnet)
			result, err := n.call("ADD", c.config)
			if err != nil || !strings.Contains(result, `"ips":"of the bridge"`) {
				t.Fatalf("%v: %s", err, result)
			}
			n.called("ADD", c.want)
			// flanneld may be given another subnet before the container goes.
			n.write("subnet.env", "")
			if result, err := n.call("DEL", c.config); err != nil || result != "" {
				t.Fatalf("%v: %s", err, result)
			}
			n.called("DEL", c.want)
			if result, err := n.call("DEL", c.config); err != nil || result != "" {
				t.Errorf("a second DEL: %v: %s", err, result)
			}
			if _, err := os.Stat(filepath.Join(n.directory, "asked")); err == nil {
				t.Error("a second DEL asked the bridge again")
			}
		})
	}
}

func TestFlannelChecks(t *testing.T) {
	t.Parallel()
	n := newNode(t, single4)
	if result, err := n.call("CHECK", ``); err == nil || !strings.Contains(result, "no network of flannel") {
		t.Errorf("CHECK of an unknown container: %v: %s", err, result)
	}
	if result, err := n.call("ADD", ``); err != nil {
		t.Fatalf("%v: %s", err, result)
	}
	if result, err := n.call("CHECK", `"prevResult":{"ips":[]}`); err != nil {
		t.Fatalf("%v: %s", err, result)
	}
	n.called("CHECK", `{"cniVersion":"0.3.1","name":"cbr0","type":"bridge","isGateway":true,"ipMasq":true,"mtu":1450,
		"ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.3.0/24"}]],"routes":[{"dst":"10.244.0.0/16"}]},"prevResult":{"ips":[]}}`)
}

func TestFlannelRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, subnet, bridge, config, want string }{
		{name: "before flanneld runs", config: ``, want: "flanneld has not written"},
		{name: "half a subnet file", subnet: "FLANNEL_MTU=1450\n", want: "lacks one of"},
		{name: "a subnet that is none", subnet: "FLANNEL_SUBNET=x\n", want: "FLANNEL_SUBNET=x"},
		{name: "a named delegate", subnet: single4, config: `"delegate":{"name":"x"}`, want: "must not have"},
		{name: "addresses in the delegate", subnet: single4, config: `"delegate":{"ipam":{}}`, want: "must not have"},
		{name: "a delegate elsewhere", subnet: single4, config: `"delegate":{"type":"../bridge"}`, want: "not the name of a plug-in"},
		{name: "a delegate that is missing", subnet: single4, config: `"delegate":{"type":"ipvlan"}`, want: "no plug-in ipvlan"},
		{
			name: "what the bridge refuses", subnet: single4, want: "bridge: no more addresses",
			bridge: "#!/bin/sh\necho '{\"code\":11,\"msg\":\"no more addresses\"}'\nexit 1\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, c.subnet)
			if c.bridge != "" {
				n.write("bridge", c.bridge)
			}
			result, err := n.call("ADD", c.config)
			var failure struct {
				Code int
				Msg  string
			}
			if parse := json.Unmarshal([]byte(result), &failure); err == nil ||
				parse != nil || failure.Code == 0 || !strings.Contains(failure.Msg, c.want) {
				t.Errorf("%v: %s, want %q", err, result, c.want)
			}
		})
	}
}

func TestFlannelVersion(t *testing.T) {
	t.Parallel()
	result, err := newNode(t, "").call("VERSION", ``)
	if err != nil || !strings.Contains(result, `"0.3.1"`) {
		t.Errorf("%v: %s", err, result)
	}
}

// node is a directory with all that the plug-in finds on a node, the bridge a script that
// keeps what it was asked.
type node struct {
	t         *testing.T
	directory string
}

func newNode(t *testing.T, subnet string) *node {
	t.Helper()
	n := &node{t: t, directory: t.TempDir()}
	if subnet != "" {
		n.write("subnet.env", subnet)
	}
	n.write("bridge", "#!/bin/sh\ncd "+n.directory+"\ncat >asked\necho \"$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME\" >verb\n"+
		"[ $CNI_COMMAND = ADD ] && echo '{\"ips\":\"of the bridge\"}'\nexit 0\n")
	return n
}

func (n *node) write(name, text string) {
	n.t.Helper()
	// No other test's child may inherit what is open for writing here: the script
	// could not be run as long as it does.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(filepath.Join(n.directory, name), []byte(text), 0o755); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) call(verb, config string) (string, error) {
	n.t.Helper()
	if config != "" {
		config = "," + config
	}
	run := command(n.t, "flannel")
	run.Env = append(run.Env, "CNI_COMMAND="+verb, "CNI_CONTAINERID=c1",
		"CNI_IFNAME=eth0", "CNI_NETNS=/proc/self/ns/net", "CNI_PATH=/nowhere:"+n.directory)
	run.Stdin = strings.NewReader(`{"cniVersion":"0.3.1","name":"cbr0","type":"flannel","subnetFile":"` +
		n.directory + `/subnet.env","dataDir":"` + n.directory + `/kept"` + config + `}`)
	output, err := run.Output()
	return string(output), err
}

// called compares what the bridge was asked, and forgets it.
func (n *node) called(verb, want string) {
	n.t.Helper()
	line, err := os.ReadFile(filepath.Join(n.directory, "verb"))
	if err != nil || string(line) != verb+" c1 eth0\n" {
		n.t.Errorf("the bridge was asked %q, want %s (%v)", line, verb, err)
	}
	asked := filepath.Join(n.directory, "asked")
	text, err := os.ReadFile(asked)
	if err != nil {
		n.t.Fatal(err)
	}
	var got, wanted any
	if err := json.Unmarshal(text, &got); err != nil {
		n.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		n.t.Fatal(err)
	}
	if !reflect.DeepEqual(got, wanted) {
		n.t.Errorf("the bridge was given\n%s, want\n%s", text, want)
	}
	if err := os.Remove(asked); err != nil {
		n.t.Fatal(err)
	}
}
