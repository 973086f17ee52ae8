//go:build linux && real

package guestos_test

import (
	"crypto/rand"
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// firstValidity is how long the certificates are valid that a node of these tests has
// after kubeadm init. kubeadm lets them begin five minutes early, so that they are
// renewed when they are a minute old.
const firstValidity = 7 * time.Minute

// maxFirstLife is how long it may take from the first boot until the cluster works with
// certificates that are not the first.
const maxFirstLife = 12 * time.Minute

// A cluster on a whole system lives through the end of its first certificates, with no
// apply. Then it is off until all that it has is over, kubelet's certificate too, and
// comes back by itself.
func TestRealCertificates(t *testing.T) {
	debian, err := exec.Command("../../../tools/build-debian").Output()
	if err != nil {
		t.Fatal(err)
	}
	c := newClusterOf(t, "1.37.2", machine.Options{
		Home: t.TempDir(), Guest: guestProgram, Systems: map[string]string{"debian": strings.TrimSpace(string(debian))},
	})
	c.system = "debian"
	began := time.Now()
	node := c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11")
	node.CertificateValidity = firstValidity
	node.Schedulable = true
	c.boot(node)
	c.awaitJoined("cp1")
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := c.try("cp1", "sh", "-c", "journalctl --no-pager -u gantry-certificates -u kubelet --lines 200; crictl ps -a")
			t.Log(out)
		}
	})
	first := c.ends("cp1", "/etc/kubernetes/pki/apiserver.crt")
	if left := time.Until(first); left > firstValidity {
		t.Fatalf("the first certificates are valid for %s more", left)
	}
	c.podNetwork("cp1")
	c.awaitReady("cp1")

	c.await("the end of the first certificates", firstValidity, func() bool { return time.Now().After(first.Add(2 * time.Second)) })
	c.run("cp1", "systemctl", "stop", "gantry-certificates.timer") // and no turn more
	c.await("the end of a turn", 5*time.Minute, func() bool {
		state, _ := c.try("cp1", "systemctl", "is-active", "gantry-certificates.service")
		return state != "active" && state != "activating"
	})
	c.worksWithCertificates("cp1", "first")
	if took := time.Since(began); took > maxFirstLife {
		t.Errorf("the first certificates were outlived after %s, and not within %s", took.Round(time.Second), maxFirstLife)
	}

	// A kubelet without a valid certificate does not start, and kubeadm's are over, too.
	for _, name := range []string{
		"certs renew all --config /root/over.yaml",
		"kubeconfig user --config /root/over.yaml --validity-period 1s --org system:nodes --client-name system:node:cp1 >/root/over.conf",
	} {
		c.run("cp1", "sh", "-c", `printf 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificateValidityPeriod: 1s\n`+
			`kubernetesVersion: v`+c.version+`\n' >/root/over.yaml; kubeadm `+name)
	}
	c.run("cp1", "sh", "-c", `for key in client-certificate-data client-key-data; do sed -n "s/^ *$key: //p" /root/over.conf | base64 -d
		done >/root/over.pem; cat /root/over.pem >"$(readlink -f /var/lib/kubelet/pki/kubelet-client-current.pem)"`)
	c.PowerOff("vm-cp1")
	c.powerOn("cp1")
	c.await("the node's own renewal", 5*time.Minute, func() bool {
		log, _ := c.try("cp1", "journalctl", "--no-pager", "--boot", "-u", "gantry-certificates")
		return strings.Contains(log, "signing another") && strings.Contains(log, "renews alone") &&
			strings.Contains(log, "all of the control plane has restarted")
	})
	c.worksWithCertificates("cp1", "second")
}

// ends returns when the life of a certificate of a node ends.
func (c *cluster) ends(node, file string) time.Time {
	c.t.Helper()
	out := c.run(node, "openssl", "x509", "-noout", "-enddate", "-in", file)
	end, err := time.Parse("notAfter=Jan _2 15:04:05 2006 MST", out)
	if err != nil {
		c.t.Fatal(err)
	}
	return end
}

// podNetwork gives the cluster one.
func (c *cluster) podNetwork(node string) {
	c.t.Helper()
	manifest, err := os.ReadFile("../../../../examples/complete/manifests/cni.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	c.put(node, "/root/cni.yaml", manifest)
	c.run(node, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "apply", "-f", "/root/cni.yaml")
}

// put writes a file into a machine.
func (c *cluster) put(node, path string, content []byte) {
	c.t.Helper()
	c.run(node, "sh", "-c", "umask 077; echo "+base64.StdEncoding.EncodeToString(content)+" | base64 -d >"+path)
}

// awaitReady waits for a node to be Ready, by the node's own administrator.
func (c *cluster) awaitReady(node string) {
	c.t.Helper()
	c.await(node+" is Ready", 5*time.Minute, func() bool {
		out, _ := c.try(node, "kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "get", "node", node, "-o",
			`jsonpath={.status.conditions[?(@.type=="Ready")].status}`)
		return out == "True"
	})
}

// worksWithCertificates expects that every part of a control plane works by valid
// certificates, with a kubeconfig that is issued only now.
func (c *cluster) worksWithCertificates(node, name string) {
	c.t.Helper()
	config, err := c.authorities.SuperAdminKubeconfig(rand.Reader, "real", "https://"+endpoint+":6443", time.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	c.put(node, "/root/issued.conf", config)
	kubectl := func(arguments ...string) (string, error) {
		return c.try(node, append([]string{"kubectl", "--kubeconfig", "/root/issued.conf", "--request-timeout", "10s"}, arguments...)...)
	}
	c.await("the API answers a kubeconfig that was issued now", 5*time.Minute, func() bool {
		out, err := kubectl("get", "--raw", "/readyz")
		return err == nil && out == "ok"
	})
	c.awaitReady(node)
	for _, server := range []string{"localhost:6443", "localhost:2379", "10.10.128.11:2380"} {
		shown := "openssl s_client -connect " + server + " </dev/null 2>/dev/null"
		if out, err := c.try(node, "sh", "-c", shown+" | openssl x509 -noout -checkend 60"); err != nil {
			c.t.Errorf("what %s shows is over: %s (%v)", server, out, err)
		}
	}
	// The controller manager makes the service account, without which there is no pod,
	// the scheduler finds it a node, and kubelet runs it.
	if out, err := kubectl("create", "namespace", name); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	c.await("the controller manager works", 2*time.Minute, func() bool {
		_, err := kubectl("get", "serviceaccount", "-n", name, "default")
		return err == nil
	})
	if out, err := kubectl("run", "-n", name, "pause", "--image", "registry.k8s.io/pause:3.10.2"); err != nil {
		c.t.Fatalf("%v: %s", err, out)
	}
	c.await("the scheduler works", 2*time.Minute, func() bool {
		out, _ := kubectl("get", "pod", "-n", name, "pause", "-o", "jsonpath={.spec.nodeName}")
		return out == node
	})
	held, _ := kubectl("get", "lease", "-n", "kube-system", "plndr-cp-lock", "-o", "jsonpath={.spec.renewTime}")
	c.await("kube-vip works", 2*time.Minute, func() bool {
		now, err := kubectl("get", "lease", "-n", "kube-system", "plndr-cp-lock", "-o", "jsonpath={.spec.renewTime}")
		return err == nil && now != held
	})
	for _, what := range []string{"/etc/kubernetes/gantry-stopped", "/etc/gantry/certificates-renewed"} {
		if _, err := c.try(node, "test", "-e", what); err == nil {
			c.t.Errorf("%s is left", what)
		}
	}
	told, _ := kubectl("get", "node", node, "-o", `jsonpath={.metadata.annotations.gantry\.io/certificates-expire}`)
	if end, err := time.Parse(time.RFC3339, told); err != nil || time.Now().After(end) {
		c.t.Errorf("%s tells that its certificates end at %q", node, told)
	}
	out, err := kubectl("get", "lease", "-n", "kube-system", "gantry-certificates", "-o", "jsonpath={.spec.holderIdentity}")
	if err != nil || out != "" {
		c.t.Errorf("the Lease is that of %q (%v)", out, err)
	}
}
