//go:build linux && real

package guestos_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// A first control-plane node comes up by real kubeadm init, with its virtual
// address, is ready once there is a network for pods, lets others join, and is
// the same node after its power was cut.
func TestRealCluster(t *testing.T) {
	manifest, err := os.ReadFile("../../../../examples/complete/manifests/cni.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1.34.2", "1.30.4"} {
		t.Run(version, func(t *testing.T) {
			c := newCluster(t, version)
			c.boot(c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11"))
			c.awaitJoined("cp1")
			if t.Failed() {
				return
			}
			if holder := c.Holder(netip.MustParseAddr(endpoint)); holder != "cp1" {
				t.Errorf("the virtual address is held by %q", holder)
			}
			if c.ready("cp1", "cp1") {
				t.Error("the node is ready without a network for pods")
			}
			c.apply("cp1", string(manifest))
			c.await("cp1 is ready", 3*time.Minute, func() bool { return c.ready("cp1", "cp1") })
			c.memory("cp1")

			c.boot(c.joining("cp1", c.node("w1", bootstrap.Worker, "10.10.128.21")))
			c.awaitJoined("w1")
			c.await("w1 is ready", 3*time.Minute, func() bool { return c.ready("cp1", "w1") })
			c.memory("w1")
			c.await("names are resolved", 3*time.Minute, func() bool {
				ready, err := c.kubectl("cp1", "-n", "kube-system", "get", "deployment", "coredns", "-o", "jsonpath={.status.readyReplicas}")
				return err == nil && ready == "2"
			})
			c.memory("cp1")
			c.powerCycle("cp1")
			c.powerCycle("w1")
			c.boot(c.joining("cp1", c.node("cp2", bootstrap.ControlPlane, "10.10.128.12")))
			c.awaitJoined("cp2")
			c.await("cp2 is ready", 3*time.Minute, func() bool { return c.ready("cp2", "cp2") })
			c.memory("cp1")
			t.Log(c.state("cp1").Log)
		})
	}
}

// powerCycle cuts a node's power and waits until it is back, by itself.
func (c *cluster) powerCycle(name string) {
	c.t.Helper()
	before := c.run(name, "cat", "/proc/sys/kernel/random/boot_id")
	c.PowerOff("vm-" + name)
	c.tell("%s is off", name)
	c.powerOn(name)
	bootOf := `jsonpath={.status.nodeInfo.bootID}`
	c.await(name+" is ready after a power cycle", 5*time.Minute, func() bool {
		id, err := c.kubectl("cp1", "get", "node", name, "-o", bootOf)
		return err == nil && id != before && c.ready("cp1", name)
	})
	log := c.run(name, "cat", "/var/log/gantry-bootstrap.log") + "\n"
	if count := strings.Count(log, " bootstrap init\n") + strings.Count(log, " bootstrap join\n"); count != 1 {
		c.t.Errorf("the bootstrap script ran %d times on %s", count, name)
	}
}
