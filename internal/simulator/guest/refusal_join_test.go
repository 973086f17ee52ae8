package guest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestJoinRefusals bends one thing of a good joining node at a time, all in
// front of one cluster.
func TestJoinRefusals(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{JoinTimeout: 300 * time.Millisecond})
	s.cluster(1, 1)
	disc := func(m *machine) document { return dig(m.kubeadm[0], "discovery", "bootstrapToken") }
	cp := func(m *machine) document { return dig(m.kubeadm[0], "controlPlane") }
	i := 30
	for name, c := range map[string]struct {
		controlPlane bool
		bend         func(*machine)
		want         string
	}{
		"no hash":        {false, func(m *machine) { delete(disc(m), "caCertHashes") }, "without caCertHashes can be unsafe"},
		"malformed hash": {false, func(m *machine) { disc(m)["caCertHashes"] = []any{"abc"} }, "invalid public key hash"},
		"another hash": {false, func(m *machine) { disc(m)["caCertHashes"] = []any{newAuthority(t, true).hash()} },
			"none of the public keys"},
		"malformed token": {false, func(m *machine) { disc(m)["token"] = "abc" }, "not of the form"},
		"unknown token":   {false, func(m *machine) { disc(m)["token"] = "zzzzzz.0123456789abcdef" }, "could not find a JWS signature"},
		"wrong secret":    {false, func(m *machine) { disc(m)["token"] = "abcdef.fedcba9876543210" }, "failed to verify JWS signature"},
		"no API server": {false, func(m *machine) { disc(m)["apiServerEndpoint"] = "10.10.183.200:6443" },
			"couldn't validate the identity of the API Server"},
		"no port":           {false, func(m *machine) { disc(m)["apiServerEndpoint"] = vip }, "is not host:port"},
		"name in use":       {false, func(m *machine) { dig(m.kubeadm[0], "nodeRegistration")["name"] = "w-1" }, "already exists in the cluster"},
		"another minor":     {false, func(m *machine) { m.vm.KubernetesVersion = "1.33.5" }, "KubeletVersion"},
		"duplicate address": {false, func(m *machine) { nic(m)["addresses"] = []any{address(21) + "/18"} }, "duplicate address detected"},
		"address is VIP":    {false, func(m *machine) { nic(m)["addresses"] = []any{vip + "/18"} }, "duplicate address detected"},
		"init file": {false, func(m *machine) { m.kubeadm[0]["kind"] = "InitConfiguration"; delete(m.kubeadm[0], "discovery") },
			"no JoinConfiguration kind"},
		"wrong key":   {true, func(m *machine) { cp(m)["certificateKey"] = strings.Repeat("ab", 32) }, "with provided key"},
		"no key":      {true, func(m *machine) { delete(cp(m), "certificateKey") }, "hosting a new control plane"},
		"no kube-vip": {true, func(m *machine) { m.vip = nil }, "no such file"},
		"super-admin.conf": {true, func(m *machine) { m.vip = kubeVIP("/etc/kubernetes/super-admin.conf") },
			"no such file or directory on this node"},
		"link of init": {true, func(m *machine) { m.vip = kubeVIP("/etc/gantry/kube-vip.conf") }, "no such file or directory on this node"},
		"another VIP":  {true, func(m *machine) { env(m, "address", "10.10.183.6") }, "is not that of controlPlaneEndpoint"},
	} {
		i++
		at := address(i)
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			id := "n-" + strings.ReplaceAll(strings.ToLower(name), " ", "-")
			m := s.worker(id, at)
			if c.controlPlane {
				m = s.controlPlane(id, at)
			}
			c.bend(m)
			s.refuses(m, c.want)
			s.world.Destroyed(m.vm.ID)
		})
	}
}

func TestJoinNeedsWhatTheEngineUploads(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(s *site)
		want    string
	}{
		"expired token": {func(s *site) { s.putToken(time.Now().Add(-time.Minute)) }, "could not find a JWS signature"},
		"no Secret":     {func(s *site) { s.putToken(time.Now().Add(time.Hour)) }, "is forbidden"},
		"no role": {func(s *site) {
			s.putToken(time.Now().Add(time.Hour))
			s.putCertificates(certificateKey, false)
		}, "is forbidden"},
		"role, no Secret": {func(s *site) {
			s.putToken(time.Now().Add(time.Hour))
			s.certificateRole(s.clientset(vip))
		}, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, guest.Options{JoinTimeout: 300 * time.Millisecond})
			s.joins(s.first("cp-1", address(11)))
			c.prepare(s)
			s.refuses(s.controlPlane("cp-2", address(12)), c.want)
		})
	}
}

// TestVIPInUse: neither a machine nor another cluster may have the VIP.
func TestVIPInUse(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	s.refuses(s.first("other-1", address(41)), "is in use by")
}
