//go:build linux && real

package guestos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

const sshKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGh1bmRyZWRzb2ZieXRlc29mbm9ib2R5c2tleWhlcmUh user"

// Real cloud-init does in the machine what the user data's other options ask
// for, and containerd's proxy reaches containerd.
func TestRealUserdataOptions(t *testing.T) {
	c := newCluster(t, "1.37.2")
	node := c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11")
	node.SSHAuthorizedKeys = []string{sshKey}
	node.NTPServers = []string{"192.0.2.123"}
	node.Proxy = &bootstrap.Proxy{
		HTTP: "http://user:pass%20word@192.0.2.99:3128", NoProxy: "192.0.2.1", CACertificate: string(c.authorities.CA.Cert),
	}
	c.boot(node)
	c.awaitJoined("cp1")
	c.await("the reported host name", time.Minute, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.hostnames["cp1"] == "cp1" && len(c.addresses["cp1"]) > 0 && c.addresses["cp1"][0].String() == "10.10.128.11"
	})
	if userdata := c.reported("cp1", "userdata"); userdata != "---" {
		t.Errorf("user data is left in guestinfo: %.40s", userdata)
	}
	bundle := string(c.authorities.CA.Cert)
	for _, check := range []struct{ what, file, contains string }{
		{"SSH key", "/home/debian/.ssh/authorized_keys", sshKey},
		{"time server", "/etc/systemd/timesyncd.conf.d/cloud-init.conf", "192.0.2.123"},
		{"CA", "/etc/ssl/certs/ca-certificates.crt", bundle[100:160]},
		{"host name", "/etc/hostname", "cp1"},
		{"own name", "/etc/hosts", "cp1"},
	} {
		content, err := c.try("cp1", "cat", check.file)
		if err != nil || !strings.Contains(content, check.contains) {
			t.Errorf("%s: %s has no %q: %v", check.what, check.file, check.contains, err)
		}
	}
	environment := c.run("cp1", "sh", "-c", "tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value containerd)/environ")
	if !strings.Contains(environment, "HTTP_PROXY=http://user:pass%20word@192.0.2.99:3128\n") {
		t.Errorf("containerd's environment has no proxy:\n%s", environment)
	}
	if mode := c.run("cp1", "stat", "-c", "%a", "/etc/gantry/proxy.env"); mode != "600" {
		t.Errorf("the proxy's password is in a file of mode %s", mode)
	}
	// kubeadm needs the key, and nothing else keeps it.
	key := strings.Split(string(c.authorities.CA.Key), "\n")[1]
	found, _ := c.try("cp1", "grep", "-rlF", key, "/etc", "/var/lib", "/var/log", "/run", "/tmp", "/root")
	if found != "/etc/kubernetes/pki/ca.key" {
		t.Errorf("the CA's key is in\n%s", found)
	}
	if state := c.run("cp1", "systemctl", "is-enabled", "kubelet"); state != "enabled" {
		t.Errorf("kubelet is %s", state)
	}
}

// A node of IPv6 alone.
func TestRealIPv6(t *testing.T) {
	c := newCluster(t, "1.37.2")
	c.boot(ipv6(c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11")))
	c.awaitJoined("cp1")
}
