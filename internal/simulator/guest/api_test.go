package guest_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// request calls the API without client-go.
func (s *site) request(cert *tls.Certificate, bearer, path string, header ...string) (int, string) {
	s.t.Helper()
	proxy, err := url.Parse(s.world.ProxyURL())
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.ca.cert)
	conf := &tls.Config{RootCAs: roots}
	if cert != nil {
		conf.Certificates = []tls.Certificate{*cert}
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: conf, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "https://"+vip+":6443"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestAuthorization(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(1, 0)
	admin := s.ca.client(t, "admin", "system:masters")
	plain := s.ca.client(t, "jane")
	kubeadmAdmin := s.ca.client(t, "kubernetes-admin", "kubeadm:cluster-admins")
	foreign := newAuthority(t, true).client(t, "admin", "system:masters")
	const (
		nodes = "/api/v1/nodes"
		certs = "/api/v1/namespaces/kube-system/secrets/kubeadm-certs"
		info  = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
	)
	for _, c := range []struct {
		who    string
		cert   *tls.Certificate
		bearer string
		path   string
		want   int
	}{
		{"admin", &admin, "", nodes, 200},
		{"admin of kubeadm", &kubeadmAdmin, "", nodes, 200},
		{"user without rights", &plain, "", nodes, 403},
		{"admin of another CA", &foreign, "", nodes, 401},
		{"anonymous", nil, "", nodes, 403},
		{"anonymous", nil, "", "/api", 403},
		{"anonymous", nil, "", info, 200},
		{"anonymous", nil, "", "/healthz", 200},
		{"anonymous", nil, "", "/livez", 200},
		{"anonymous", nil, "", "/readyz", 200},
		{"anonymous", nil, "", "/version", 200},
		{"token", nil, token, certs, 200},
		{"token", nil, token, nodes, 403},
		{"token", nil, token, "/api/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef", 403},
		{"token", nil, token, "/api/v1/namespaces/kube-system/secrets", 403},
		{"bad token", nil, "abcdef.0000000000000000", info, 401},
		{"admin", &admin, "", "/api/v1/things", 404},
		{"admin", &admin, "", "/apis/nothing.example.com/v1", 404},
		{"admin", &admin, "", "/nothing", 404},
	} {
		if code, body := s.request(c.cert, c.bearer, c.path); code != c.want {
			t.Errorf("%s on %s: %d, want %d: %s", c.who, c.path, code, c.want, body)
		}
	}
	if code, _ := s.request(&admin, "", nodes, "Accept", "application/vnd.kubernetes.protobuf"); code != http.StatusNotAcceptable {
		t.Errorf("protobuf only: %d", code)
	}
	code, body := s.request(&admin, "", nodes, "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
	if code != 200 || !strings.Contains(body, `"NodeList"`) {
		t.Errorf("table: %d %s", code, body)
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	s.putToken(time.Now().Add(-time.Second))
	if code, _ := s.request(nil, token, "/version"); code != http.StatusUnauthorized {
		t.Errorf("expired token: %d", code)
	}
}

func TestPatches(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.cluster(1, 1)
	ctx := t.Context()
	nodes := s.clientset(vip).CoreV1().Nodes()
	patch := func(kind types.PatchType, body string, options metav1.PatchOptions) *corev1.Node {
		t.Helper()
		n, err := nodes.Patch(ctx, "w-1", kind, []byte(body), options)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		return n
	}
	n := patch(types.MergePatchType,
		`{"metadata":{"labels":{"a":"1","b":"2"}},"status":{"nodeInfo":{"kubeletVersion":"v9"}}}`, metav1.PatchOptions{})
	if n.Labels["a"] != "1" || n.Status.NodeInfo.KubeletVersion == "v9" {
		t.Errorf("merge: labels %v, version %s", n.Labels, n.Status.NodeInfo.KubeletVersion)
	}
	n = patch(types.JSONPatchType, `[{"op":"remove","path":"/metadata/labels/a"}]`, metav1.PatchOptions{})
	if n.Labels["a"] != "" || n.Labels["b"] != "2" {
		t.Errorf("JSON patch: labels %v", n.Labels)
	}
	// Taints have no merge key: a strategic patch replaces the list.
	n = patch(types.StrategicMergePatchType,
		`{"spec":{"unschedulable":true,"taints":[{"key":"t","value":"v","effect":"NoSchedule"}]}}`, metav1.PatchOptions{})
	if !n.Spec.Unschedulable || n.Spec.Taints[0].Key != "t" {
		t.Errorf("strategic: %+v", n.Spec)
	}
	apply := metav1.PatchOptions{FieldManager: "gantry"}
	patch(types.ApplyPatchType, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"w-1","labels":{"c":"3","d":"4"}}}`, apply)
	n = patch(types.ApplyPatchType, `{"apiVersion":"v1","kind":"Node","metadata":{"name":"w-1","labels":{"c":"3"}}}`, apply)
	if n.Labels["c"] != "3" || n.Labels["d"] != "" || n.Labels["b"] != "2" {
		t.Errorf("apply: labels %v", n.Labels)
	}
	for body, want := range map[string]string{
		`{"metadata":{"labels":{"bad key":"x"}}}`:                                                   "metadata.labels",
		`{"spec":{"taints":[{"key":"a","effect":"Sometimes"}]}}`:                                    "Unsupported value",
		`{"spec":{"taints":[{"key":"a","effect":"NoSchedule"},{"key":"a","effect":"NoSchedule"}]}}`: "Duplicate value",
		`{"metadata":{"resourceVersion":"1"}}`:                                                      "has been modified",
		`{"spec":{"unschedulable":"yes"}}`:                                                          "cannot be handled",
	} {
		_, err := nodes.Patch(ctx, "w-1", types.MergePatchType, []byte(body), metav1.PatchOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

func TestStrictFieldValidation(t *testing.T) {
	t.Parallel()
	s := newSite(t, guest.Options{})
	s.joins(s.first("cp-1", address(11)))
	c := s.clientset(vip)
	rest := c.AppsV1().RESTClient()
	post := func(body string) error {
		return rest.Post().Namespace("default").Resource("deployments").Param("fieldValidation", "Strict").
			SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(t.Context()).Error()
	}
	const head = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"x"},"spec":`
	const podTemplate = `"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"y"}]}}`
	for body, want := range map[string]string{
		head + `{"replica":1,"selector":{"matchLabels":{"a":"b"}},` + podTemplate + `}}`: "unknown field",
		head + `{"selector":{"matchLabels":{"a":"c"}},` + podTemplate + `}}`:             "does not match template",
		head + `{` + podTemplate + `}}`:                                                  "spec.selector",
		`{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"x"}}`:            "does not match the kind",
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"X_"}}`:          "metadata.name",
	} {
		if err := post(body); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}
