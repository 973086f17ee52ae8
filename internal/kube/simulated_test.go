package kube_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// cluster is a simulated cluster's API with two nodes whose kubelets run.
type cluster struct {
	model.API
	url         string
	ca          []byte
	store       *kubeapi.Store
	authorities *pki.Authorities
	before      atomic.Pointer[func(*http.Request)] // called before each request is served
	failing     atomic.Bool                         // calls about widgets fail, since their webhook does not answer
	// instead answers a request in place of the API, and reports whether it has.
	instead atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := newUnboundCluster(t)
	if err := c.masters(t).BindAdmins(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// masters is the API as the group that the server itself authorises sees it.
func (c *cluster) masters(t *testing.T) model.API {
	t.Helper()
	kubeconfig, err := c.authorities.SuperAdminKubeconfig(rand.Reader, "prod", c.url, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, kube.Options{}, kubeconfig)
}

// newUnboundCluster is one before kubeadm has given administrators their rights.
func newUnboundCluster(t *testing.T) *cluster {
	t.Helper()
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	clientCAs := x509.NewCertPool()
	clientCAs.AppendCertsFromPEM(authorities.CA.Cert)
	store := kubeapi.NewStore(time.Now)
	kubelets := map[string]kubeapi.Kubelet{"w-1": {Address: "10.0.0.1"}, "w-2": {Address: "10.0.0.2"}}
	for name, k := range kubelets {
		n := node(name, corev1.ConditionFalse)
		n.ResourceVersion = ""
		n.Status.Conditions = nil
		n.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Node"}
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: k.Address}}
		store.Put(n, kubeapi.Nodes)
	}
	for _, name := range []string{"default", "kube-system"} {
		store.Put(&corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: name},
		}, kubeapi.Namespaces)
	}
	store.Put(&rbacv1.ClusterRole{
		TypeMeta:   metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole"},
		ObjectMeta: metav1.ObjectMeta{Name: "cluster-admin"},
		Rules:      []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}},
	}, kubeapi.ClusterRoles)
	api := kubeapi.NewServer(store, clientCAs, func() string { return "v1.37.2" }, func() error { return nil })
	c := &cluster{ca: authorities.CA.Cert, store: store, authorities: authorities}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before := c.before.Load(); before != nil {
			(*before)(r)
		}
		if instead := c.instead.Load(); instead != nil && (*instead)(w, r) {
			return
		}
		if c.failing.Load() && strings.Contains(r.URL.Path, "/widgets") {
			http.Error(w, "conversion webhook failed", http.StatusInternalServerError)
			return
		}
		api.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{serving(t, authorities.CA)},
		ClientAuth:   tls.RequestClientCert,
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		api.Run(ctx, kubeapi.Environment{
			Kubelets: func() map[string]kubeapi.Kubelet { return kubelets },
			PodCIDRs: []string{"10.244.0.0/24", "10.244.1.0/24"},
		})
	}()
	t.Cleanup(func() { stop(); <-done })
	kubeconfig, err := authorities.AdminKubeconfig(rand.Reader, "prod", server.URL, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if c.API, err = kube.New(kube.Options{Interval: 20 * time.Millisecond}).Connect(kubeconfig, authorities.Etcd); err != nil {
		t.Fatal(err)
	}
	c.url = server.URL
	return c
}

// serving issues the API server's certificate.
func serving(t *testing.T, ca pki.KeyPair) tls.Certificate {
	t.Helper()
	parent, err := tls.X509KeyPair(ca.Cert, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := x509.ParseCertificate(parent.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	key := parent.PrivateKey.(*ecdsa.PrivateKey)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "kube-apiserver"},
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 10, 183, 1)},
		DNSNames:     []string{"kubernetes"},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, issuer, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// eventually waits for what controllers do.
func eventually(t *testing.T, what func() error) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := what()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestSimulatedDrainMovesPodsAndHonoursBudgets(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := c.Apply(ctx, manifests(network, shop)); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return c.Available(t.Context(), "default", "web") })

	if err := c.Drain(t.Context(), "w-1", "VirtualMachine:vm-7", 20*time.Second); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return c.Available(t.Context(), "default", "web") })

	// Nowhere is left to go: the budget keeps the last pod. The other one needs its time to end.
	err := c.Drain(t.Context(), "w-2", "VirtualMachine:vm-7", 20*time.Second)
	var blocked *kube.DrainError
	if !errors.As(err, &blocked) || len(blocked.Pods) != 1 || !strings.Contains(err.Error(), "disruption budget web needs 1") {
		t.Errorf("want one pod held by the budget, got %v", err)
	}
	nodes, err := c.Nodes(t.Context())
	if err != nil || len(nodes) != 2 || !nodes[0].Unschedulable || !nodes[1].Unschedulable {
		t.Errorf("want both nodes cordoned: %+v %v", nodes, err)
	}
}

func TestSimulatedDefinitionAndObjectInOnePack(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for range 2 { // again, as an apply without changes would
		if _, err := c.Apply(ctx, manifests(widget+"---"+definition)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSimulatedLabels(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	find := func() model.KubeNode {
		nodes, err := c.Nodes(t.Context())
		if err != nil || len(nodes) != 2 || nodes[0].Name != "w-1" {
			t.Fatalf("nodes %v %v", nodes, err)
		}
		return nodes[0]
	}
	taint := model.Taint{Key: "dedicated", Value: "db", Effect: "NoExecute"}
	want := model.NodeMeta{Labels: map[string]string{"team": "a"}, Taints: []model.Taint{taint}}
	if err := c.SetNodeMeta(t.Context(), "w-1", want); err != nil {
		t.Fatal(err)
	}
	n := find()
	if n.Labels["team"] != "a" || n.Managed.Labels["team"] != "a" || len(n.Managed.Taints) != 1 || n.Managed.Taints[0] != taint {
		t.Errorf("not set: %+v", n)
	}
	if err := c.SetNodeMeta(t.Context(), "w-1", model.NodeMeta{}); err != nil {
		t.Fatal(err)
	}
	n = find()
	if _, left := n.Labels["team"]; left || len(n.Managed.Labels)+len(n.Managed.Taints) != 0 {
		t.Errorf("left: %+v", n)
	}
	for _, left := range n.Taints {
		if left == taint {
			t.Errorf("left: %v", n.Taints)
		}
	}
}

// What a joining control-plane node does: it reads the certificates with
// nothing but its bootstrap token.
func TestSimulatedTokenReadsCertificates(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	const token = "abcdef.0123456789abcdef"
	if err := c.PutToken(t.Context(), token, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := c.PutCertificates(t.Context(), map[string][]byte{"ca.crt": []byte("x")}); err != nil {
		t.Fatal(err)
	}
	const path = "/api/v1/namespaces/kube-system/secrets/"
	if code := c.get(t, token, path+"kubeadm-certs"); code != http.StatusOK {
		t.Errorf("the certificates: %d", code)
	}
	if code := c.get(t, token, path+"bootstrap-token-abcdef"); code != http.StatusForbidden {
		t.Errorf("another secret: %d, want it forbidden", code)
	}
	if err := c.DeleteCertificates(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := c.get(t, token, path+"kubeadm-certs"); code != http.StatusForbidden {
		t.Errorf("after their deletion: %d, want no right any more", code)
	}
	if err := c.DeleteToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	if code := c.get(t, token, path+"kubeadm-certs"); code != http.StatusUnauthorized {
		t.Errorf("with a deleted token: %d", code)
	}
}

func (c *cluster) get(t *testing.T, token, path string) int {
	t.Helper()
	block, _ := pem.Decode(c.ca)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

const network = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: cni, namespace: kube-system}
spec:
  selector: {matchLabels: {app: cni}}
  template:
    metadata: {labels: {app: cni}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      containers: [{name: cni, image: registry.example.com/cni:1}]
`

const shop = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: registry.example.com/web:1}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
`
