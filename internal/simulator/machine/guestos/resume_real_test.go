//go:build linux && real

package guestos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// The power is taken from a control-plane node in the middle of kubeadm join: first as its etcd
// becomes a member, and then, from the first node as well, when it votes. Without any userdata
// it goes on by itself. While it is alone it keeps its data, without which the first node has
// no quorum, and at the end there is one member of its name.
func TestRealJoinResumes(t *testing.T) {
	c := newCluster(t, "1.37.2")
	c.boot(c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11"))
	c.awaitJoined("cp1")
	c.boot(c.joining("cp1", c.node("cp2", bootstrap.ControlPlane, "10.10.128.12")))
	c.await("cp2 is about to run etcd", 5*time.Minute, func() bool {
		_, err := c.try("cp2", "test", "-e", "/etc/kubernetes/manifests/etcd.yaml")
		return err == nil
	})
	c.PowerOff("vm-cp2")
	if phase := c.reported("cp2", "gantry.phase"); phase != "kubeadm" {
		t.Fatalf("the power was taken in phase %s", phase)
	}
	if userdata := c.reported("cp2", "userdata"); userdata != "---" {
		t.Fatalf("userdata %.20q", userdata)
	}
	c.powerOn("cp2")
	c.await("cp2 votes, in a second join", 5*time.Minute, func() bool {
		members, err := c.try("cp1", "sh", "-c", etcdctl+"member list")
		log, _ := c.try("cp2", "cat", "/var/log/gantry-bootstrap.log")
		return err == nil && strings.Contains(members, ", cp2, ") && !strings.Contains(members, "true") &&
			strings.Contains(log, "this node is no member of etcd")
	})
	c.PowerOff("vm-cp2")
	c.PowerOff("vm-cp1")
	if phase := c.reported("cp2", "gantry.phase"); phase != "kubeadm" {
		t.Fatalf("the power was taken in phase %s", phase)
	}
	c.powerOn("cp2")
	c.await("cp2 waits for the others", 5*time.Minute, func() bool {
		log, _ := c.try("cp2", "cat", "/var/log/gantry-bootstrap.log")
		return strings.Contains(log, "keeps its data")
	})
	c.powerOn("cp1")
	c.awaitJoined("cp2")

	members := c.run("cp1", "sh", "-c", etcdctl+"member list")
	if strings.Count(members, "\n") != 1 || !strings.Contains(members, ", cp1, ") || !strings.Contains(members, ", cp2, ") {
		t.Errorf("members:\n%s", members)
	}
	if log := c.run("cp2", "cat", "/var/log/gantry-bootstrap.log"); !strings.Contains(log, "the join was interrupted") {
		t.Errorf("the log of the bootstrap:\n%s", log)
	}
	if left, err := c.try("cp2", "ls", "/etc/gantry/kubeadm.yaml", "/etc/gantry/kube-vip.yaml"); err == nil {
		t.Errorf("still there: %s", left)
	}
	// It says so again at every boot.
	c.PowerOff("vm-cp2")
	c.mu.Lock()
	delete(c.guestinfo["cp2"], "guestinfo.gantry.phase")
	c.mu.Unlock()
	c.powerOn("cp2")
	c.awaitJoined("cp2")
}

// etcdctl is that of the member of etcd on a machine.
const etcdctl = `exec crictl exec "$(crictl ps -q --name '^etcd$')" etcdctl ` +
	`--cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/server.crt --key /etc/kubernetes/pki/etcd/server.key `
