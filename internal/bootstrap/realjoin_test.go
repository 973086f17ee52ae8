package bootstrap_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// Real kubeadm finds the authorities where the user data puts them and signs
// with them instead of making its own.
func TestKubeadmInitSignsWithOurAuthorities(t *testing.T) {
	t.Parallel()
	for _, version := range kubeadmVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			kubeadm := kubeadmBinary(t, version)
			node := withVersion(newNode(t, bootstrap.FirstControlPlane), version)
			config := userdata(t, node)
			directory := t.TempDir()
			for _, file := range config.WriteFiles {
				name, ok := strings.CutPrefix(file.Path, "/etc/kubernetes/pki/")
				if !ok {
					continue
				}
				path := filepath.Join(directory, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(file.Content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			document := writeTemporary(t, "kubeadm.yaml", keepIn(directory, config.file("/etc/gantry/kubeadm.yaml")))
			if output, err := run(t, kubeadm, "init", "phase", "certs", "all", "--config", document); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			for name, want := range authorityFiles(node.Authorities) {
				if got, err := os.ReadFile(filepath.Join(directory, name)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("kubeadm changed %s (error %v)", name, err)
				}
			}
			for leaf, authority := range map[string]string{
				"apiserver.crt": "ca.crt", "apiserver-kubelet-client.crt": "ca.crt",
				"front-proxy-client.crt": "front-proxy-ca.crt", "etcd/server.crt": "etcd/ca.crt",
			} {
				if err := certificateFile(t, directory, leaf).CheckSignatureFrom(certificateFile(t, directory, authority)); err != nil {
					t.Errorf("%s is not signed by %s: %v", leaf, authority, err)
				}
			}
			server := certificateFile(t, directory, "apiserver.crt")
			for _, name := range []string{node.Endpoint.Host(), node.Address.Addr().String(), node.Name, "kubernetes"} {
				if err := server.VerifyHostname(name); err != nil {
					t.Errorf("the API server's certificate: %v", err)
				}
			}
		})
	}
}

// Real kubeadm joins by the rendered document: it checks the signature of the
// cluster-info with the token, pins the CA, and decrypts the authorities.
func TestKubeadmJoinFetchesOurAuthorities(t *testing.T) {
	t.Parallel()
	for _, version := range kubeadmVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			kubeadm := kubeadmBinary(t, version)
			directory := t.TempDir()
			cluster := newFakeCluster(t, version, directory)
			join := writeTemporary(t, "kubeadm.yaml", cluster.joinDocument(t, must(cluster.authorities.CAHash())))
			output, err := run(t, kubeadm, "join", "phase", "control-plane-prepare", "download-certs", "--config", join)
			if err != nil {
				t.Fatalf("%v\n%s\nrequests: %q", err, output, cluster.requests())
			}
			for name, want := range authorityFiles(cluster.authorities) {
				if got, err := os.ReadFile(filepath.Join(directory, name)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s arrived different (error %v)", name, err)
				}
			}
		})
	}
}

// With the pin of another CA kubeadm sends the token to no server.
func TestKubeadmJoinHoldsThePin(t *testing.T) {
	t.Parallel()
	kubeadm := kubeadmBinary(t, "1.37.2")
	cluster := newFakeCluster(t, "1.37.2", t.TempDir())
	join := writeTemporary(t, "kubeadm.yaml", strings.Replace(cluster.joinDocument(t, caHash), "discovery: 5m0s", "discovery: 3s", 1))
	output, err := run(t, kubeadm, "join", "phase", "control-plane-prepare", "download-certs", "--config", join)
	if err == nil || !strings.Contains(output, "public key") {
		t.Errorf("error %v\n%s", err, output)
	}
	if slices.ContainsFunc(cluster.requests(), func(r string) bool { return strings.Contains(r, "secrets") }) {
		t.Errorf("requests %q", cluster.requests())
	}
}

// keepIn makes kubeadm work in a directory instead of /etc/kubernetes/pki.
func keepIn(directory, document string) string {
	return strings.Replace(document, "clusterName:", "certificatesDir: "+directory+"\nclusterName:", 1)
}

func authorityFiles(a *pki.Authorities) map[string][]byte {
	return map[string][]byte{
		"ca.crt": a.CA.Cert, "ca.key": a.CA.Key,
		"front-proxy-ca.crt": a.FrontProxy.Cert, "front-proxy-ca.key": a.FrontProxy.Key,
		"etcd/ca.crt": a.Etcd.Cert, "etcd/ca.key": a.Etcd.Key,
		"sa.pub": a.ServiceAccount.Cert, "sa.key": a.ServiceAccount.Key,
	}
}

func certificateFile(t *testing.T, path ...string) *x509.Certificate {
	t.Helper()
	return must(cert.CertsFromFile(filepath.Join(path...)))[0]
}

// fakeCluster serves the requests of kubeadm join to an API server before it changes
// anything.
type fakeCluster struct {
	authorities *pki.Authorities
	version     string
	server      *httptest.Server
	objects     map[string]any

	mu   sync.Mutex
	seen []string
}

func newFakeCluster(t *testing.T, version, directory string) *fakeCluster {
	t.Helper()
	c := &fakeCluster{authorities: must(authorities()), version: version}
	c.server = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	c.server.TLS = &tls.Config{Certificates: []tls.Certificate{c.serverCertificate(t)}, MinVersion: tls.VersionTLS12}
	c.server.StartTLS()
	t.Cleanup(c.server.Close)

	info := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters:\n- name: \"\"\n  cluster:\n    server: %s\n    "+
		"certificate-authority-data: %s\n",
		c.server.URL, base64.StdEncoding.EncodeToString(c.authorities.CA.Cert))
	first := withVersion(newNode(t, bootstrap.FirstControlPlane), version)
	documents := strings.Split(keepIn(directory, userdata(t, first).file("/etc/gantry/kubeadm.yaml")), "---\n")
	c.objects = map[string]any{
		"/api/v1/namespaces/kube-public/configmaps/cluster-info": configMap(map[string]string{
			"kubeconfig": info, "jws-kubeconfig-abcdef": signature(info),
		}),
		"/api/v1/namespaces/kube-system/configmaps/kubeadm-config": configMap(map[string]string{"ClusterConfiguration": documents[1]}),
		"/api/v1/namespaces/kube-system/configmaps/kubelet-config": configMap(map[string]string{"kubelet": documents[2]}),
		"/api/v1/namespaces/kube-system/secrets/kubeadm-certs": map[string]any{
			"apiVersion": "v1", "kind": "Secret",
			"data": must(c.authorities.EncryptedCertificates(rand.Reader, certificateKey)),
		},
	}
	return c
}

func configMap(data map[string]string) map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "data": data}
}

// signature returns the detached JWS by which a token vouches for cluster-info.
func signature(info string) string {
	id, secret, _ := strings.Cut(token, ".")
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"` + id + `"}`))
	digest := hmac.New(sha256.New, []byte(secret))
	digest.Write([]byte(head + "." + base64.RawURLEncoding.EncodeToString([]byte(info))))
	return head + ".." + base64.RawURLEncoding.EncodeToString(digest.Sum(nil))
}

func (c *fakeCluster) serverCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	authority := must(tls.X509KeyPair(c.authorities.CA.Cert, c.authorities.CA.Key))
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, authority.Leaf, key.Public(), authority.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (c *fakeCluster) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.seen = append(c.seen, r.Method+" "+r.URL.Path)
	c.mu.Unlock()
	object, ok := c.objects[r.URL.Path]
	status := http.StatusOK
	switch {
	case strings.Contains(r.URL.Path, "/kube-system/") && r.Header.Get("Authorization") != "Bearer "+token:
		status = http.StatusForbidden
	case r.Method != http.MethodGet || !ok:
		status = http.StatusNotFound
	}
	if status != http.StatusOK {
		object = map[string]any{
			"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": status,
			"reason": strings.ReplaceAll(http.StatusText(status), " ", ""),
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object)
}

func (c *fakeCluster) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// joinDocument returns a joining node's document with the fake in place of the
// virtual address.
func (c *fakeCluster) joinDocument(t *testing.T, hash string) string {
	t.Helper()
	node := withVersion(newNode(t, bootstrap.ControlPlane), c.version)
	node.CAHash = hash
	document := userdata(t, node).file("/etc/gantry/kubeadm.yaml")
	return strings.Replace(document, "10.10.183.1:6443", strings.TrimPrefix(c.server.URL, "https://"), 1)
}
