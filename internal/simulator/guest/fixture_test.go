package guest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

const (
	vip            = "10.10.183.5"
	token          = "abcdef.0123456789abcdef"
	certificateKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	version        = "1.37.2"
)

// document is a YAML document that a test may bend before it is rendered.
type document = map[string]any

func dig(d document, path ...string) document {
	for _, p := range path {
		next, ok := d[p].(document)
		if !ok {
			next = document{}
			d[p] = next
		}
		d = next
	}
	return d
}

// machine is what a test renders for one VM.
type machine struct {
	vm       guest.VM
	metadata document
	files    map[string]string
	modes    map[string]string
	kubeadm  []document
	vip      document
	verb     string
	config   document // further keys of the cloud-config
	raw      map[string]string
}

// site is a world with one cluster's authorities and the VMs' reports.
type site struct {
	t     *testing.T
	world *guest.World
	ca    *authority
	*records
}

// records are what the VMs' guests said.
type records struct {
	mu      sync.Mutex
	reports map[string]map[string]string
	phases  map[string][]string
	ips     map[string][]netip.Addr
}

func newSite(t *testing.T, options guest.Options) *site {
	t.Helper()
	w, err := guest.NewWorld(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &site{t: t, world: w, ca: newAuthority(t, true), records: &records{
		reports: map[string]map[string]string{}, phases: map[string][]string{}, ips: map[string][]netip.Addr{},
	}}
}

// on returns the same site for a subtest.
func (s *site) on(t *testing.T) *site {
	t.Helper()
	return &site{t: t, world: s.world, ca: s.ca, records: s.records}
}

func (s *site) machine(name, address string) *machine {
	return &machine{
		vm: guest.VM{
			ID:                "vm-" + name,
			Name:              name,
			UUID:              "4217-" + name,
			MAC:               mac(address),
			Network:           "dvpg-nodes",
			Segment:           netip.MustParsePrefix("10.10.128.0/18"),
			KubernetesVersion: version,
		},
		metadata: document{
			"instance-id": "4217-" + name, "local-hostname": name, "cleanup-guestinfo": []any{"userdata"},
			"wait-on-network": document{"ipv4": true, "ipv6": false},
			"network": document{"version": 2, "ethernets": document{"nic0": document{
				"match": document{"macaddress": mac(address)}, "set-name": "eth0", "accept-ra": false,
				"dhcp4": false, "dhcp6": false, "addresses": []any{address + "/18"},
				"routes":      []any{document{"to": "default", "via": "10.10.128.1"}},
				"nameservers": document{"addresses": []any{"8.8.8.8"}, "search": []any{"example.com"}},
			}}},
		},
		files:  map[string]string{"/etc/gantry/bootstrap.sh": "#!/bin/sh\n"},
		modes:  map[string]string{"/etc/gantry/bootstrap.sh": "0755"},
		config: document{},
		raw:    map[string]string{},
	}
}

// mac is the address of the card of the machine with an IP address.
func mac(address string) string {
	b := netip.MustParseAddr(address).As4()
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", b[1]&0x3f, b[2], b[3])
}

const unitFile = "/etc/systemd/system/gantry-bootstrap.service"

// unit runs the bootstrap script with a verb.
func unit(verb string) string {
	return "[Unit]\nDescription=Bootstrap\nWants=network-online.target\nAfter=network-online.target containerd.service\n\n" +
		"[Service]\nType=oneshot\nExecStart=/etc/gantry/bootstrap.sh " + verb + "\nTimeoutStartSec=infinity\n\n" +
		"[Install]\nWantedBy=multi-user.target\n"
}

func systemctl(arguments ...any) []any { return append([]any{"systemctl"}, arguments...) }

func registration() document {
	return document{"kubeletExtraArgs": []any{document{"name": "node-labels", "value": "topology.kubernetes.io/zone=zone-a"}}}
}

func kubeVIP(kubeconfig string) document {
	return document{
		"apiVersion": "v1", "kind": "Pod", "metadata": document{"name": "kube-vip", "namespace": "kube-system"},
		"spec": document{
			"hostNetwork": true,
			"containers": []any{document{
				"name": "kube-vip", "image": "ghcr.io/kube-vip/kube-vip:v1.0.0", "args": []any{"manager"},
				"env": []any{
					document{"name": "vip_arp", "value": "true"}, document{"name": "cp_enable", "value": "true"},
					document{"name": "port", "value": "6443"}, document{"name": "address", "value": vip},
				},
				"securityContext": document{"capabilities": document{"add": []any{"NET_ADMIN", "NET_RAW"}}},
				"volumeMounts":    []any{document{"name": "kubeconfig", "mountPath": "/etc/kubernetes/admin.conf"}},
			}},
			"volumes": []any{document{"name": "kubeconfig", "hostPath": document{"path": kubeconfig}}},
		},
	}
}

// first returns a control-plane node that runs init.
func (s *site) first(name, address string) *machine {
	m := s.machine(name, address)
	m.verb = "init"
	m.kubeadm = []document{
		{
			"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration", "kubernetesVersion": "v" + version,
			"controlPlaneEndpoint": vip + ":6443", "networking": document{"podSubnet": "172.20.0.0/16", "serviceSubnet": "172.21.0.0/16"},
		},
		{
			"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "InitConfiguration", "nodeRegistration": registration(),
			"localAPIEndpoint": document{"advertiseAddress": address},
		},
		{"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "cgroupDriver": "systemd"},
	}
	m.vip = kubeVIP("/etc/kubernetes/super-admin.conf")
	m.renewing()
	for _, name := range []string{"ca", "front-proxy-ca", "etcd/ca"} {
		m.files["/etc/kubernetes/pki/"+name+".crt"] = s.ca.certPEM
		m.files["/etc/kubernetes/pki/"+name+".key"] = s.ca.keyPEM
	}
	m.files["/etc/kubernetes/pki/sa.key"] = s.ca.keyPEM
	m.files["/etc/kubernetes/pki/sa.pub"] = s.ca.public(s.t)
	return m
}

// worker returns a node that joins.
func (s *site) worker(name, address string) *machine {
	m := s.machine(name, address)
	m.verb = "join"
	m.kubeadm = []document{{
		"apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "JoinConfiguration", "nodeRegistration": registration(),
		"discovery": document{"bootstrapToken": document{
			"token": token, "apiServerEndpoint": vip + ":6443", "caCertHashes": []any{s.ca.hash()},
		}},
	}}
	return m
}

// controlPlane returns a control-plane node that joins.
func (s *site) controlPlane(name, address string) *machine {
	m := s.worker(name, address)
	m.kubeadm[0]["controlPlane"] = document{"certificateKey": certificateKey, "localAPIEndpoint": document{"advertiseAddress": address}}
	m.vip = kubeVIP("/etc/kubernetes/admin.conf")
	m.renewing()
	m.files["/etc/gantry/leave-etcd.py"] = "import sys\n"
	return m
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func marshal(t *testing.T, d any) string {
	t.Helper()
	raw, err := yaml.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// guestInfo renders the machine's documents.
func (m *machine) guestInfo(t *testing.T) map[string]string {
	t.Helper()
	if m.kubeadm != nil {
		var docs []string
		for _, d := range m.kubeadm {
			docs = append(docs, marshal(t, d))
		}
		m.files["/etc/gantry/kubeadm.yaml"] = strings.Join(docs, "---\n")
	}
	if m.vip != nil {
		m.files["/etc/kubernetes/manifests/kube-vip.yaml"] = marshal(t, m.vip)
	}
	if _, bent := m.files[unitFile]; !bent {
		m.files[unitFile] = unit(m.verb)
	}
	var files []any
	for path, content := range m.files {
		mode := m.modes[path]
		if mode == "" {
			mode = "0600"
		}
		files = append(files, document{"path": path, "content": content, "permissions": mode})
	}
	config := document{"write_files": files, "runcmd": m.commands()}
	for k, v := range m.config {
		config[k] = v
	}
	info := map[string]string{
		"guestinfo.metadata": packed(t, marshal(t, m.metadata)), "guestinfo.metadata.encoding": "gzip+base64",
		"guestinfo.userdata": packed(t, "#cloud-config\n"+marshal(t, config)), "guestinfo.userdata.encoding": "gzip+base64",
	}
	for k, v := range m.raw {
		info[k] = v
	}
	return info
}

// boot powers a machine on.
func (s *site) boot(m *machine) {
	s.t.Helper()
	vm := m.vm
	vm.GuestInfo = m.guestInfo(s.t)
	name := vm.Name
	vm.Report = func(changes map[string]string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.reports[name] == nil {
			s.reports[name] = map[string]string{}
		}
		for k, v := range changes {
			s.reports[name][k] = v
		}
		if p, ok := changes["guestinfo.gantry.phase"]; ok {
			s.phases[name] = append(s.phases[name], p)
		}
	}
	vm.SetNetwork = func(ips []netip.Addr, _ string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ips[name] = ips
	}
	s.world.PowerOn(vm)
}

// settled waits until a guest has joined or failed. A guest sets its state
// before it reports it: so the state is read after the report is seen, never
// before.
func (s *site) settled(name string) guest.State {
	s.t.Helper()
	eventually(s.t, "guest "+name+" settles", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		reported := s.reports[name]["guestinfo.gantry.phase"]
		return reported == "joined" || strings.HasSuffix(reported, "failed")
	})
	for _, g := range s.world.Guests() {
		if g.Name == name {
			return g
		}
	}
	s.t.Fatalf("guest %s reported that it settled and is not there", name)
	return guest.State{}
}

func (s *site) joins(m *machine) {
	s.t.Helper()
	s.boot(m)
	if g := s.settled(m.vm.Name); g.Phase != guest.PhaseJoined {
		s.t.Fatalf("guest %s: phase %s\n%s", g.Name, g.Phase, g.Log)
	}
}

// refuses boots a machine and wants it to fail with some words in its log.
func (s *site) refuses(m *machine, words string) {
	s.t.Helper()
	s.boot(m)
	g := s.settled(m.vm.Name)
	s.mu.Lock()
	tail := s.reports[m.vm.Name]["guestinfo.gantry.log"]
	s.mu.Unlock()
	if g.Phase != guest.PhaseFailed || !strings.Contains(tail, words) {
		s.t.Fatalf("guest %s: phase %s, want failed with %q; reported log:\n%s", g.Name, g.Phase, words, tail)
	}
	for _, secret := range []string{token, strings.Split(token, ".")[1], certificateKey} {
		if strings.Contains(tail, secret) {
			s.t.Errorf("the reported log holds a secret:\n%s", tail)
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("timed out: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
