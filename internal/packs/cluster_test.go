package packs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage"
	"helm.sh/helm/v4/pkg/storage/driver"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/packs"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
	"github.com/gantry/terraform-provider-gantry/internal/testing/testchart"
)

// cluster is a simulated API without nodes, and the releases that a Gantry keeps in it.
type cluster struct {
	*testing.T
	store    *kubeapi.Store
	config   *rest.Config
	charts   model.Charts
	releases model.Releases

	mu     sync.Mutex
	refuse func(*http.Request) bool
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	admin, pool := administrator(t)
	c := &cluster{T: t, store: kubeapi.NewStore(time.Now)}
	api := kubeapi.NewServer(c.store, pool, func() string { return "v" + kubernetesVersion }, func() error { return nil })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.refuses(r) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", ` +
				`"reason": "Forbidden", "message": "not today", "code": 403}`))
			return
		}
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{admin}}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go api.Run(ctx, kubeapi.Environment{Kubelets: func() map[string]kubeapi.Kubelet { return nil }})

	c.config = &rest.Config{Host: server.URL, Transport: http.DefaultTransport, QPS: -1}
	c.charts = packs.New(packs.Options{Cluster: func([]byte) (*rest.Config, error) { return rest.CopyConfig(c.config), nil }})
	c.releases = c.connect()
	return c
}

// administrator is a certificate of a cluster's administrator, and its authority.
func administrator(t *testing.T) (*x509.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(admin)
	return admin, pool
}

// connect returns the releases of a cluster with an identity of its own.
func (c *cluster) connect() model.Releases {
	c.Helper()
	releases, err := c.charts.Connect(nil, uuid.New())
	c.must(err)
	return releases
}

func (c *cluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// refusing has the API refuse some requests; nil: none any more.
func (c *cluster) refusing(refuse func(*http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = refuse
}

func (c *cluster) refuses(r *http.Request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refuse != nil && c.refuse(r)
}

func allowed(context.Context) error { return nil }

// chart is a resolved chart of templates, by file name.
func (c *cluster) chart(templates map[string]string) model.Chart {
	c.Helper()
	files := map[string]string{"Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n"}
	for name, text := range templates {
		files["templates/"+name] = text
	}
	chart := model.Chart{Path: testchart.Folder(c, files), Namespace: "apps", Timeout: 2 * time.Second}
	chart.Resolved = c.charts.Resolve(c.Context(), chart, kubernetesVersion)
	if chart.Resolved.Problem != "" {
		c.Fatal(chart.Resolved.Problem)
	}
	return chart
}

func (c *cluster) apply(chart model.Chart) error {
	_, err := c.releases.Apply(c.Context(), "app", chart, allowed)
	return err
}

func (c *cluster) uninstall() error {
	return c.releases.Uninstall(c.Context(), model.Release{Namespace: "apps", Name: "app"}, allowed)
}

// helm is how Helm keeps its releases.
func (c *cluster) helm(namespace string) *storage.Storage {
	c.Helper()
	clients, err := kubernetes.NewForConfig(c.config)
	c.must(err)
	secrets := driver.NewSecrets(clients.CoreV1().Secrets(namespace))
	secrets.SetLogger(slog.DiscardHandler)
	return storage.Init(secrets)
}

// revisions are those of the release and their status.
func (c *cluster) revisions() []string {
	c.Helper()
	var all []string
	list, _ := c.helm("apps").History("app")
	for _, entry := range list {
		r := entry.(*releasev1.Release)
		all = append(all, strconv.Itoa(r.Version)+" "+r.Info.Status.String())
	}
	slices.Sort(all)
	return all
}

func (c *cluster) expect(want ...string) {
	c.Helper()
	if got := c.revisions(); !slices.Equal(got, want) {
		c.Errorf("revisions %v, and not %v", got, want)
	}
}

// record changes what Helm has kept of a revision.
func (c *cluster) record(version int, change func(*releasev1.Release)) {
	c.Helper()
	kept := c.helm("apps")
	entry, err := kept.Get("app", version)
	c.must(err)
	r := entry.(*releasev1.Release)
	change(r)
	c.must(kept.Update(r))
}

// pend leaves a revision as a run that dies does.
func (c *cluster) pend(version int, status common.Status) {
	c.Helper()
	c.record(version, func(r *releasev1.Release) { r.Info.Status = status })
}

// object is one of the API's; nil: it is not there.
func (c *cluster) object(resource schema.GroupVersionResource, namespace, name string) *unstructured.Unstructured {
	c.Helper()
	client, err := dynamic.NewForConfig(c.config)
	c.must(err)
	o, err := client.Resource(resource).Namespace(namespace).Get(c.Context(), name, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return o
}

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// text is a field of a ConfigMap; empty: it is not there.
func (c *cluster) text(name string) string {
	c.Helper()
	o := c.object(configMaps, "apps", name)
	if o == nil {
		return ""
	}
	text, _, _ := unstructured.NestedString(o.Object, "data", "text")
	return text
}

// configMap is a manifest of one, and its annotations.
func configMap(name, text string, annotations ...string) string {
	manifest := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\n"
	if len(annotations) > 0 {
		manifest += "  annotations: {" + strings.Join(annotations, ", ") + "}\n"
	}
	return manifest + "data: {text: '" + text + "'}\n"
}
