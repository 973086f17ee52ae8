package kube_test

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// server is a Kubernetes API of two kinds, one of which may be missing at
// first, that records what is applied.
type server struct {
	*httptest.Server
	authorities *pki.Authorities

	mu       sync.Mutex
	widgets  bool                            // whether the kind Widget is served
	refuse   func(path string) (int, string) // status and message instead of success; 0: none
	applied  []request
	protocol string // of the last request of /readyz
}

type request struct {
	Path, Query, ContentType string
	Body                     map[string]any
}

func newServer(t *testing.T) *server {
	t.Helper()
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{authorities: authorities}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api", respond(`{"kind":"APIVersions","versions":["v1"]}`))
	mux.HandleFunc("GET /api/v1", respond(`{"kind":"APIResourceList","groupVersion":"v1","resources":[
		{"name":"configmaps","singularName":"configmap","namespaced":true,"kind":"ConfigMap","verbs":["patch"]},
		{"name":"namespaces","singularName":"namespace","namespaced":false,"kind":"Namespace","verbs":["patch"]}]}`))
	mux.HandleFunc("GET /apis", func(w http.ResponseWriter, r *http.Request) {
		const version = `{"groupVersion":"example.com/v1","version":"v1"}`
		group := `{"name":"example.com","versions":[` + version + `],"preferredVersion":` + version + `}`
		if !s.served() {
			group = ""
		}
		respond(`{"kind":"APIGroupList","apiVersion":"v1","groups":[`+group+`]}`)(w, r)
	})
	mux.HandleFunc("GET /apis/example.com/v1", func(w http.ResponseWriter, r *http.Request) {
		if !s.served() {
			http.NotFound(w, r)
			return
		}
		respond(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"example.com/v1","resources":[
			{"name":"widgets","singularName":"widget","namespaced":true,"kind":"Widget","verbs":["patch"]}]}`)(w, r)
	})
	mux.HandleFunc("PATCH /", s.patch)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.protocol = r.Proto
		s.mu.Unlock()
		respond("ok")(w, r)
	})
	mux.HandleFunc("GET /api/v1/nodes", respond(`{"kind":"NodeList","apiVersion":"v1","items":[]}`))
	s.Server = httptest.NewUnstartedServer(mux)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{serving(t, authorities.CA)}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func respond(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

func (s *server) served() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.widgets
}

func (s *server) serveWidgets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.widgets = true
}

func (s *server) patch(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if s.refuse != nil {
		if code, message := s.refuse(r.URL.Path); code != 0 {
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","code":%d,"reason":%q,"message":%q}`,
				code, map[int]string{404: "NotFound", 422: "Invalid", 503: "ServiceUnavailable"}[code], message)
			return
		}
	}
	got := request{Path: r.URL.Path, Query: r.URL.RawQuery, ContentType: r.Header.Get("Content-Type")}
	_ = json.Unmarshal(body, &got.Body)
	s.applied = append(s.applied, got)
	_, _ = w.Write(body)
}

// paths lists what was applied, in order.
func (s *server) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var paths []string
	for _, r := range s.applied {
		paths = append(paths, r.Path)
	}
	return paths
}

// kubeconfig points to the server under the addresses that its certificate is for.
func (s *server) kubeconfig(url string) []byte {
	kubeconfig, err := s.authorities.AdminKubeconfig(rand.Reader, "prod", url, time.Now())
	if err != nil {
		panic(err)
	}
	return kubeconfig
}

// connectProxy returns an HTTP CONNECT proxy that leads every address to the server,
// and counts.
func connectProxy(t *testing.T, target string) (url string, asked func() []string) {
	t.Helper()
	var (
		mu    sync.Mutex
		hosts []string
	)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		mu.Lock()
		hosts = append(hosts, r.Host)
		mu.Unlock()
		backend, err := net.Dial("tcp", strings.TrimPrefix(target, "https://"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.WriteHeader(http.StatusOK)
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(backend, client); _ = backend.Close() }()
		_, _ = io.Copy(client, backend)
		_ = client.Close()
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), hosts...)
	}
}
