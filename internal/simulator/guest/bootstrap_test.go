package guest_test

import (
	"cmp"
	"crypto/rand"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// engine renders nodes with the packages that the engine renders them with.
type engine struct {
	*site
	version string
	a       *pki.Authorities
	token   string
	key     string
	host    string // of the endpoint; empty: the VIP
}

func newEngine(t *testing.T, version string) *engine {
	t.Helper()
	e := &engine{site: newSite(t, guest.Options{}), version: version}
	var err error
	if e.a, err = pki.NewAuthorities(rand.Reader, time.Now()); err != nil {
		t.Fatal(err)
	}
	if e.token, err = pki.NewToken(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if e.key, err = pki.NewCertificateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *engine) node(role bootstrap.Role, name, address string) bootstrap.Node {
	e.t.Helper()
	hash, err := e.a.CAHash()
	if err != nil {
		e.t.Fatal(err)
	}
	n := bootstrap.Node{
		ClusterName:       "prod-1",
		Name:              name,
		InstanceID:        "6ba7b810-9dad-11d1-80b4-00c04fd43" + address[len(address)-2:] + "0",
		Role:              role,
		KubernetesVersion: e.version,
		MAC:               mac(address),
		Address:           netip.MustParsePrefix(address + "/18"),
		Gateway:           netip.MustParseAddr("10.10.128.1"),
		Nameservers:       []netip.Addr{netip.MustParseAddr("8.8.8.8")},
		SearchDomains:     []string{"example.com"},
		Endpoint:          bootstrap.Endpoint{Address: netip.MustParseAddr(vip)},
		PodCIDR:           "172.20.0.0/16",
		ServiceCIDR:       "172.21.0.0/16",
		NodeLabels:        map[string]string{"topology.kubernetes.io/zone": "zone-a", "topology.kubernetes.io/region": "region-1"},
		NTPServers:        []string{"ntp.example.com"},
		SSHAuthorizedKeys: []string{
			"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHPDO8yJ6M0R9F1k1v7WJ0YxQm3o7uQYb0z0S2t3s4aB ops@example.com",
		},
	}
	if role == bootstrap.FirstControlPlane {
		n.Authorities = e.a
		return n
	}
	n.Token = e.token
	n.CAHash = hash
	if role == bootstrap.ControlPlane {
		n.CertificateKey = e.key
	}
	return n
}

func (e *engine) start(n bootstrap.Node) {
	e.t.Helper()
	info, err := bootstrap.GuestInfo(n)
	if err != nil {
		e.t.Fatal(err)
	}
	m := e.machine(n.Name, n.Address.Addr().String())
	m.vm.UUID = n.InstanceID
	m.vm.KubernetesVersion = e.version
	m.raw = info
	e.boot(m)
}

func (e *engine) wantJoined(name string) {
	e.t.Helper()
	if g := e.settled(name); g.Phase != guest.PhaseJoined {
		e.t.Fatalf("guest %s: phase %s\n%s", g.Name, g.Phase, g.Log)
	}
}

// client has the rights that the engine takes before those of administrators are bound.
func (e *engine) client() *kubernetes.Clientset {
	e.t.Helper()
	raw, err := e.a.SuperAdminKubeconfig(rand.Reader, "prod-1", "https://"+cmp.Or(e.host, vip)+":6443", time.Now())
	if err != nil {
		e.t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(raw)
	if err != nil {
		e.t.Fatal(err)
	}
	proxy, err := url.Parse(e.world.ProxyURL())
	if err != nil {
		e.t.Fatal(err)
	}
	config.Proxy = http.ProxyURL(proxy)
	config.QPS = -1
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

func (e *engine) letJoin() {
	e.t.Helper()
	c := e.client().CoreV1().Secrets("kube-system")
	id, secret := e.token[:6], e.token[7:]
	if _, err := c.Create(e.t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id}, Type: corev1.SecretTypeBootstrapToken,
		StringData: map[string]string{
			"token-id": id, "token-secret": secret, "expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
			"usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
			"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
		},
	}, metav1.CreateOptions{}); err != nil {
		e.t.Fatal(err)
	}
	data, err := e.a.EncryptedCertificates(rand.Reader, e.key)
	if err != nil {
		e.t.Fatal(err)
	}
	if _, err := c.Create(e.t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "kubeadm-certs"}, Data: data},
		metav1.CreateOptions{}); err != nil {
		e.t.Fatal(err)
	}
	e.certificateRole(e.client())
}

// TestRenderedNodesBoot holds package bootstrap against everything that a node refuses.
func TestRenderedNodesBoot(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.31.0", "1.37.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, version)
			e.start(e.node(bootstrap.FirstControlPlane, "prod-1-cp-1", "10.10.183.11"))
			e.wantJoined("prod-1-cp-1")
			e.letJoin()
			for _, n := range []bootstrap.Node{
				e.node(bootstrap.ControlPlane, "prod-1-cp-2", "10.10.183.12"),
				e.node(bootstrap.ControlPlane, "prod-1-cp-3", "10.10.183.13"),
				e.node(bootstrap.Worker, "prod-1-w-1", "10.10.183.21"),
				e.node(bootstrap.Worker, "prod-1-w-2", "10.10.183.22"),
			} {
				e.start(n)
			}
			for _, name := range []string{"prod-1-cp-2", "prod-1-cp-3", "prod-1-w-1", "prod-1-w-2"} {
				e.wantJoined(name)
			}
			nodes, err := e.client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "topology.kubernetes.io/zone=zone-a"})
			if err != nil || len(nodes.Items) != 5 {
				t.Fatalf("nodes: %d, %v", len(nodes.Items), err)
			}
		})
	}
}
