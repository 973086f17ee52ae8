package bootstrap_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// loopbacks are addresses of the loopback interface, each for one test.
var loopbacks atomic.Int32

func loopback(testing.TB) string {
	n := loopbacks.Add(1)
	return fmt.Sprintf("127.83.%d.%d", n/250, n%250+1)
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// apiServer answers as the API server of a node does, as far as a load balancer and its
// clients see it.
type apiServer struct {
	address string
	server  *http.Server
	unready atomic.Bool
	checks  atomic.Int64
	served  atomic.Int64
	slow    chan struct{} // is closed when a slow request may be answered
}

// newAPIServer serves by a certificate that authority signs and that carries a name.
func newAPIServer(t *testing.T, authority tls.Certificate, name string) *apiServer {
	t.Helper()
	s := &apiServer{address: loopback(t), slow: make(chan struct{})}
	s.listen(t, servingCertificate(t, authority, name))
	return s
}

func (s *apiServer) listen(t *testing.T, certificate tls.Certificate) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		s.checks.Add(1)
		if s.unready.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/work", func(w http.ResponseWriter, _ *http.Request) {
		s.served.Add(1)
		_, _ = io.WriteString(w, s.address)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		select {
		case <-s.slow:
			_, _ = io.WriteString(w, s.address)
		case <-r.Context().Done():
		}
	})
	s.server = &http.Server{
		Handler:   mux,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}},
		ErrorLog:  log.New(io.Discard, "", 0),
	}
	listener, err := net.Listen("tcp", s.address+":6443")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = s.server.Close() })
}

// clusterCA is the authority that the load balancer of the tests knows.
func clusterCA(t *testing.T) tls.Certificate {
	t.Helper()
	made := must(authorities())
	pair, err := tls.X509KeyPair(made.CA.Cert, made.CA.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func servingCertificate(t *testing.T, authority tls.Certificate, name string) tls.Certificate {
	t.Helper()
	parent, err := x509.ParseCertificate(authority.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "kube-apiserver"},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), authority.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}
}

// client asks the cluster at the load balancer, and trusts its authority alone.
func client(t *testing.T, keepAlive bool) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: clusterCA(t).Certificate[0]}))
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "kubernetes"},
		DisableKeepAlives: !keepAlive,
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// load asks without pause until it is stopped.
type load struct {
	stop     context.CancelFunc
	running  sync.WaitGroup
	mu       sync.Mutex
	failures []error
	answers  map[string]int
}

func (p *proxied) load(workers int) *load {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	l := &load{stop: stop, answers: map[string]int{}}
	for i := range workers {
		asking := client(p.t, i%2 == 0)
		l.running.Go(func() {
			for ctx.Err() == nil {
				answer, err := ask(asking, "https://"+p.address+"/work")
				l.mu.Lock()
				if err != nil {
					l.failures = append(l.failures, err)
				} else {
					l.answers[answer]++
				}
				l.mu.Unlock()
			}
		})
	}
	p.t.Cleanup(func() { l.end() })
	return l
}

func (l *load) end() { l.stop(); l.running.Wait() }

// taken are the answers and failures since the last call.
func (l *load) taken() (answers map[string]int, failures []error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answers, failures = l.answers, l.failures
	l.answers, l.failures = map[string]int{}, nil
	return answers, failures
}

func ask(asking *http.Client, url string) (string, error) {
	response, err := asking.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, answer)
	}
	return string(answer), err
}
