//go:build real

package processes_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/packagerepository"
)

// TestRealBuiltImage makes a node image of a whole Debian system without Kubernetes, from a site's own
// package repository, and builds a cluster of clones of it.
func TestRealBuiltImage(t *testing.T) {
	const version, system = "1.37.2", "debian"
	options := realOptions(t)
	options.Systems = map[string]string{system: builtDebian(t)}
	d := newRealDatacenter(t, options, simulator.Template{
		Name: "debian-12", KubernetesVersion: guest.NoKubernetes, System: system, Snapshot: true,
	})
	d.journals()
	repository, ca := d.servePackages(version)
	image := fmt.Sprintf(`{
      template = "debian-12"
      build = {
        install_kubernetes = { version = %q, repository = %q }
        scripts            = ["kubeadm config images list --kubernetes-version v%[1]s >/etc/site-images"]
        files = {
          "/usr/local/share/ca-certificates/site.crt" = { content = %[3]q }
          "/etc/apt/sources.list"                     = { content = "# A site without a mirror of Debian.\n" }
        }
      }
    }`, version, repository, ca)
	w := newWorkspace(t, strings.Replace(d.real(version, 1, 1, ""), fmt.Sprintf(`{ template = "gantry-node-%s" }`, version), image, 1))
	w.patience = patience

	started := time.Now()
	w.must(apply...)
	t.Logf("the image is built, and the cluster of it, after %s", time.Since(started).Round(time.Second))
	for _, node := range d.nodesReady(w, 2) {
		if got := node.Status.NodeInfo.KubeletVersion; got != "v"+version {
			t.Errorf("the kubelet of %s is %s", node.Name, got)
		}
	}
	w.nothingToDo()
	nodes := []string{"prod-cp-1", "prod-general-1"}
	d.runsWell(nodes)
	d.isNodeImage(nodes)
	d.differ(nodes)
	w.must(destroy...)
	if left := d.Leftovers().VMs; len(left) != 1 || !strings.Contains(left[0], "/debian-12-kube-v"+version+"-") {
		t.Errorf("left behind are %v, and not the image alone", left)
	}
}

// isNodeImage expects what the build has left on nodes, and nothing that it was made with.
func (d *datacenter) isNodeImage(nodes []string) {
	d.t.Helper()
	for _, node := range nodes {
		for _, c := range [][2]string{
			{"apt-mark showhold | xargs", "cri-tools kubeadm kubectl kubelet kubernetes-cni"},
			{"dpkg-query --show --showformat '${Version}' kubelet", "1.37.2-1.1"},
			{"containerd config dump | grep -cE 'SystemdCgroup = true|bin_dir = \"/opt/cni/bin\"'", "2"},
			{"grep -c pause /etc/site-images", "1"},
			{"ls -d /etc/gantry/build* /etc/gantry/install* /etc/systemd/system/gantry-build.service 2>/dev/null", ""},
			{"ls /var/lib/apt/lists | grep -c Packages", "0"},
			{"cloud-id", "vmware"},
		} {
			if out, _ := d.inside(node, "sh", "-c", c[0]); strings.TrimSpace(out) != c[1] {
				d.t.Errorf("%s on %s: %q and not %q", c[0], node, out, c[1])
			}
		}
	}
}

// differ expects that machines that were cloned from one image have nothing of their own in common.
func (d *datacenter) differ(nodes []string) {
	d.t.Helper()
	for _, command := range []string{"cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub", "cat /proc/sys/kernel/hostname"} {
		had := map[string]string{}
		for _, node := range nodes {
			out, err := d.inside(node, "sh", "-c", command)
			if other := had[out]; err != nil || out == "" || other != "" {
				d.t.Errorf("%s of %s is %q, as %q has it (%v)", command, node, out, other, err)
			}
			had[out] = node
		}
	}
}

// servePackages has a package repository in the network of the machines, with what Kubernetes
// installs there, and returns its URL and the authority of its certificate.
func (d *datacenter) servePackages(version string) (url, ca string) {
	d.t.Helper()
	dir := d.t.TempDir()
	if err := packagerepository.Write(dir, d.packages(version)...); err != nil {
		d.t.Fatal(err)
	}
	listener, err := d.Machines().Listen()
	if err != nil {
		d.t.Fatal(err)
	}
	address := listener.Addr().(*net.TCPAddr)
	certificate := selfSigned(d.t, address.IP)
	server := &http.Server{
		Handler: packagerepository.Handler(dir), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	d.t.Cleanup(func() { _ = server.Close() })
	return "https://" + address.String(), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
}

// packages are those of Kubernetes with the programs that the other machines run.
func (d *datacenter) packages(version string) []packagerepository.Package {
	d.t.Helper()
	binaries, err := registry.DefaultBinaries()
	if err != nil {
		d.t.Fatal(err)
	}
	program := func(name, file string) map[string]packagerepository.File {
		return map[string]packagerepository.File{"/usr/bin/" + name: {Source: file, Mode: 0o755}}
	}
	crictl, err := filepath.Glob(filepath.Join(binaries, "crictl-v*"))
	if err != nil || len(crictl) == 0 {
		d.t.Fatal("there is no crictl", err)
	}
	plugins := map[string]packagerepository.File{}
	found, err := os.ReadDir("/usr/lib/cni")
	if err != nil {
		d.t.Fatal(err)
	}
	for _, plugin := range found {
		plugins["/opt/cni/bin/"+plugin.Name()] = packagerepository.File{Source: "/usr/lib/cni/" + plugin.Name(), Mode: 0o755}
	}
	release := version + "-1.1"
	packages := []packagerepository.Package{
		{Name: "cri-tools", Version: release, Files: program("crictl", crictl[len(crictl)-1])},
		{Name: "kubernetes-cni", Version: "1.7.1-1.1", Files: plugins},
	}
	for name, depends := range map[string]string{
		"kubeadm": "cri-tools", "kubectl": "", "kubelet": "iptables, kubernetes-cni, mount, util-linux",
	} {
		p := packagerepository.Package{
			Name: name, Version: release, Depends: depends, Files: program(name, filepath.Join(binaries, name+"-v"+version)),
		}
		if name == "kubelet" {
			for file, content := range guestos.PackagedUnit() {
				p.Files[file] = packagerepository.File{Content: content, Mode: 0o644}
			}
		}
		packages = append(packages, p)
	}
	return packages
}

// selfSigned is a certificate for an address, which is its own authority.
func selfSigned(t *testing.T, address net.IP) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "packages"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{address}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}
}
