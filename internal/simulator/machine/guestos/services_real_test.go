//go:build linux && real

package guestos_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// Services that die come back, without their containers noticing; kubeadm reset
// finds all that join made, and a node can join again.
func TestRealServices(t *testing.T) {
	c := newCluster(t, "1.37.2")
	c.boot(c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11"))
	c.awaitJoined("cp1")
	containers := c.run("cp1", "crictl", "ps", "-q", "--name", "etcd|kube-apiserver")
	for _, service := range []string{"containerd", "kubelet"} {
		pid := func() string { return c.run("cp1", "systemctl", "show", "-p", "MainPID", "--value", service) }
		before := pid()
		c.run("cp1", "kill", "-9", before)
		c.await(service+" is back", 30*time.Second, func() bool {
			_, err := c.try("cp1", "systemctl", "is-active", service)
			return err == nil && pid() != before
		})
	}
	// The stand-in for systemd takes a program that runs for one that serves.
	var now string
	c.await("containerd serves again", 30*time.Second, func() bool {
		var err error
		now, err = c.try("cp1", "crictl", "ps", "-q", "--name", "etcd|kube-apiserver")
		return err == nil
	})
	if now != containers {
		t.Errorf("containers were\n%s\nand are\n%s", containers, now)
	}
	c.run("cp1", "systemctl", "stop", "kubelet")
	if state, _ := c.try("cp1", "systemctl", "is-active", "kubelet"); state != "inactive" {
		t.Errorf("kubelet is %s after stop", state)
	}
	c.run("cp1", "systemctl", "start", "kubelet")

	node := c.joining("cp1", c.node("w1", bootstrap.Worker, "10.10.128.21"))
	c.boot(node)
	c.awaitJoined("w1")
	t.Log(c.run("w1", "kubeadm", "reset", "--force"))
	if state, _ := c.try("w1", "systemctl", "is-active", "kubelet"); state != "inactive" {
		t.Errorf("kubelet is %s after reset", state)
	}
	left := c.run("w1", "sh", "-c", "ls /etc/kubernetes; crictl pods -q; mount | grep /var/lib/kubelet || true")
	if strings.Contains(left, ".conf") || strings.Contains(left, "/var/lib") {
		t.Errorf("reset left\n%s", left)
	}
	t.Log(c.run("w1", "kubeadm", "join", endpoint+":6443", "--token", node.Token, "--discovery-token-ca-cert-hash", node.CAHash))
	c.run("w1", "systemctl", "is-active", "kubelet")
}

// A machine that is told nothing boots, and says so on its console.
func TestRealMachineWithoutGuestinfo(t *testing.T) {
	c := newCluster(t, "1.37.2")
	c.PowerOn(guest.VM{
		ID:                "vm-x",
		Name:              "x",
		UUID:              "x",
		MAC:               macOf("x"),
		Network:           "nodes",
		KubernetesVersion: "1.37.2",
	})
	c.await("the end of the boot", time.Minute, func() bool { return strings.Contains(c.state("x").Log, "boot finished") })
	log := c.state("x").Log
	for _, want := range []string{"network: no DHCP server answers", "started containerd.service"} {
		if !strings.Contains(log, want) {
			t.Errorf("the console has no %q:\n%s", want, log)
		}
	}
	if name := c.run("x", "hostname"); name != "x" {
		t.Errorf("the host name is %q", name)
	}
}

// What user data ends in failure is in the report and on the console.
func TestRealFailureIsTold(t *testing.T) {
	c := newCluster(t, "1.37.2")
	node := c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11")
	node.KubernetesVersion = "1.36.3"
	c.boot(node)
	for deadline := time.Now().Add(time.Minute); c.state("cp1").Phase != guest.PhaseFailed; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no failure: %s", c.state("cp1").Log)
		}
	}
	time.Sleep(2 * time.Second) // for the console
	for what, text := range map[string]string{"report": c.reported("cp1", "gantry.log"), "console": c.state("cp1").Log} {
		if !strings.Contains(text, "the node image is for Kubernetes v1.37, the cluster is at v1.36") {
			t.Errorf("the %s says nothing:\n%s", what, text)
		}
	}
}

// A machine whose power is cut while its disk is made boots from it all the same.
func TestRealPowerCutsWhileInstalling(t *testing.T) {
	c := newCluster(t, "1.37.2")
	c.boot(c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11"))
	for _, span := range []time.Duration{5e6, 15e6, 25e6, 35e6, 50e6, 70e6, 90e6} {
		time.Sleep(span)
		c.PowerOff("vm-cp1")
		c.powerOn("cp1")
	}
	c.await("the start of kubeadm", time.Minute, func() bool { return c.reported("cp1", "gantry.phase") == "kubeadm" })
}
