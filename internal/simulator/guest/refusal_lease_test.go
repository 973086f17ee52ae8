package guest_test

import (
	"maps"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// bend replaces words in the documents of a machine, which have to be there. Without a
// replacement the file with the words goes.
func bend(t *testing.T, info map[string]string, from, to string) map[string]string {
	t.Helper()
	bent := maps.Clone(info)
	found := false
	for _, key := range []string{"guestinfo.metadata", "guestinfo.userdata"} {
		text := string(unpacked(t, info[key], info[key+".encoding"]))
		if strings.Contains(text, from) {
			found = true
			bent[key], bent[key+".encoding"] = packed(t, strings.ReplaceAll(text, from, to)), "gzip+base64"
		}
	}
	if !found {
		t.Fatalf("%q is in no document", from)
	}
	return bent
}

// without leaves out a file.
func without(t *testing.T, info map[string]string, path string) map[string]string {
	t.Helper()
	const key = "guestinfo.userdata"
	var config document
	if err := yaml.Unmarshal(unpacked(t, info[key], info[key+".encoding"]), &config); err != nil {
		t.Fatal(err)
	}
	var kept []any
	for _, file := range config["write_files"].([]any) {
		if file.(document)["path"] != path {
			kept = append(kept, file)
		}
	}
	if len(kept) == len(config["write_files"].([]any)) {
		t.Fatalf("there is no %s", path)
	}
	config["write_files"] = kept
	bent := maps.Clone(info)
	bent[key] = packed(t, "#cloud-config\n"+marshal(t, config))
	return bent
}

func TestMachinesWithLeasesRefuse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from, to string
		missing  string
		words    string
	}{
		"the machine-id's lease": {from: "dhcp-identifier: mac\n", to: "dhcp-identifier: duid\n",
			words: "dhcp-identifier is not mac"},
		"networkd's by the machine-id": {from: "ClientIdentifier=mac", to: "ClientIdentifier=duid",
			words: "networkd asks for a lease by the machine-id"},
		"routers":               {from: "accept-ra: false", to: "accept-ra: true", words: "accept-ra is not off"},
		"no wait":               {from: "ipv4: true", to: "ipv4: false", words: "wait-on-network does not wait for the lease"},
		"nothing that finds it": {missing: "/etc/gantry/lease.sh", words: "nothing finds the lease"},
		"a list without its files": {from: "- content: |\n    /etc/gantry/kubeadm.yaml\n  path: ", to: "- content: x\n  path: ",
			words: "advertiseAddress"},
		"no timer": {from: "- gantry-lease.timer", to: "- gantry-certificates.timer",
			words: "gantry-lease.timer is not enabled and started"},
		"another endpoint": {from: "controlPlaneEndpoint: ", to: "controlPlaneEndpoint: api.other.example.com:6443 # ",
			words: "lookup api.other.example.com: no such host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeasing(t, "")
			l.startBalancer()
			info, err := bootstrap.GuestInfo(l.leased(bootstrap.FirstControlPlane, "prod-1-cp-1", address(11)))
			if err != nil {
				t.Fatal(err)
			}
			if test.missing != "" {
				info = without(t, info, test.missing)
			} else {
				info = bend(t, info, test.from, test.to)
			}
			l.power("prod-1-cp-1", address(11), info)
			if g := l.settled("prod-1-cp-1"); g.Phase != guest.PhaseFailed || !strings.Contains(g.Log, test.words) {
				t.Errorf("phase %s, want failed with %q\n%s", g.Phase, test.words, g.Log)
			}
		})
	}
}

func TestLoadBalancersRefuse(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		from, to string
		missing  string
		words    string
	}{
		"kubeadm's kubelet": {missing: "/etc/systemd/system/kubelet.service.d/99-gantry-load-balancer.conf",
			words: "bootstrap-kubelet.conf does not exist"},
		"two commands":     {from: "ExecStart=\n", to: "\n", words: "more than one ExecStart="},
		"webhooks":         {from: "mode: AlwaysAllow", to: "mode: Webhook", words: "cannot use webhook authorization"},
		"an open kubelet":  {from: "enableServer: false", to: "enableServer: true", words: ""},
		"a unit that ends": {from: "Restart=always", to: "Restart=no", words: "nothing would follow the backends"},
		"no host network":  {from: "hostNetwork: true", to: "hostNetwork: false", words: "not on the host network"},
		"no master":        {from: "- -W\n", to: "- -V\n", words: "no master process"},
		"another directory": {from: "mountPath: /usr/local/etc/haproxy", to: "mountPath: /etc/haproxy",
			words: "no directory of the host is mounted"},
		"a typo":                 {from: "timeout tunnel", to: "timeouts tunnel", words: "unknown keyword 'timeouts'"},
		"short watches":          {from: "timeout tunnel 1h", to: "timeout tunnel 1m", words: "defaults lacks: timeout tunnel 1h"},
		"open statistics":        {from: "bind 127.0.0.1:8404", to: "bind 0.0.0.0:8404", words: "open to the outside"},
		"no verification":        {from: "verify required", to: "verify none", words: "verify is not required"},
		"another check":          {from: "uri /readyz", to: "uri /", words: "backend lacks: http-check send meth GET uri /readyz"},
		"sessions that stay":     {from: "on-marked-down shutdown-sessions", to: "", words: "lacks on-marked-down"},
		"workers that stay":      {from: "hard-stop-after", to: "# hard-stop-after", words: "lacks: hard-stop-after"},
		"no authority":           {missing: "/etc/gantry/haproxy/ca.crt", words: "unable to load CA file"},
		"nothing says what runs": {from: "__GANTRY_BACKENDS__", to: "", words: "cannot tell what runs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeasing(t, "")
			info, err := bootstrap.LoadBalancerGuestInfo(l.balancer())
			if err != nil {
				t.Fatal(err)
			}
			if test.missing != "" {
				info = without(t, info, test.missing)
			} else {
				info = bend(t, info, test.from, test.to)
			}
			l.tell(bootstrap.BackendsKey, "10.10.183.11")
			l.power(balancerName, address(5), info)
			if test.words == "" {
				l.reaches(balancerName, "serving") // its address is the loopback's
				return
			}
			l.reaches(balancerName, "failed")
			if log := l.reports1(balancerName, "log"); !strings.Contains(log, test.words) {
				t.Errorf("the log lacks %q:\n%s", test.words, log)
			}
		})
	}
}
