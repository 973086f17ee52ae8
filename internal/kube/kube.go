// Package kube is the engine's client of the Kubernetes API of a cluster that
// it built: readiness, nodes, drains, bootstrap secrets and manifests.
//
// Every method is idempotent and may be called again after a crash at any
// point. Nothing here waits for a cluster to come up: the runner does.
package kube

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// FieldManager owns the fields that Apply sets.
const FieldManager = "gantry"

// Options configure the connections to clusters.
type Options struct {
	// ProxyURL is an HTTP CONNECT proxy for every cluster. Empty means the
	// environment's.
	ProxyURL string
	// Timeout bounds each call of the API. Zero means 30 s.
	Timeout time.Duration
	// Interval is the time between two polls of evicted pods and between two
	// attempts to apply an object. Zero means 2 s.
	Interval time.Duration
	// MaxResponse bounds each answer in bytes. Zero means 256 MiB.
	MaxResponse int64
}

// New returns the engine's port to cluster APIs. It makes no call.
func New(o Options) model.Kube {
	return &connector{options: o.withDefaults(), apis: map[[sha256.Size]byte]*api{}}
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Interval <= 0 {
		o.Interval = 2 * time.Second
	}
	if o.MaxResponse <= 0 {
		o.MaxResponse = defaultMaxResponse
	}
	return o
}

// connector caches its clients, so that a run that connects before each step
// reuses the same few connections.
type connector struct {
	options Options

	mu   sync.Mutex
	apis map[[sha256.Size]byte]*api
}

// api is one cluster's API.
type api struct {
	clients  kubernetes.Interface
	dynamic  dynamic.Interface
	mapper   meta.ResettableRESTMapper
	interval time.Duration

	config   *rest.Config // for connections that become another protocol's
	etcd     pki.KeyPair  // the authority of etcd; empty where it is not at hand
	hashes   hashKey      // of values of objects
	timeout  time.Duration
	kindTime time.Duration
	// reading has one place: the manifest of one release at a time is read, however many are compared.
	reading chan struct{}
}

// Connect creates the clients for a kubeconfig, of which it takes what
// pki.ParseKubeconfig returns and nothing else. It fails only on an invalid
// kubeconfig or proxy URL; Ready reports whether the API is reachable. The client
// certificates of etcd are issued with its authority when they are needed.
func (c *connector) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	return c.connect(kubeconfig, etcd, netip.Addr{})
}

// ConnectAt is Connect for one API server itself, or a load balancer, by its address, which
// need not be in its certificate.
func (c *connector) ConnectAt(kubeconfig []byte, at netip.Addr) (model.API, error) {
	return c.connect(kubeconfig, pki.KeyPair{}, at)
}

// serverName is in the certificate of every API server that kubeadm has made.
const serverName = "kubernetes"

func (c *connector) connect(kubeconfig []byte, etcd pki.KeyPair, at netip.Addr) (model.API, error) {
	key := sha256.Sum256(slices.Concat(kubeconfig, etcd.Cert, at.AsSlice()))
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.apis[key]; ok {
		return a, nil
	}

	connection, err := pki.ParseKubeconfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("unable to use the kubeconfig: %w", err)
	}
	config := &rest.Config{
		Host: connection.Server,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   connection.CA,
			CertData: connection.Client.Cert,
			KeyData:  connection.Client.Key,
		},
	}
	if at.IsValid() {
		config.Host = "https://" + net.JoinHostPort(at.String(), strconv.Itoa(bootstrap.APIServerPort))
		config.ServerName = serverName
	}
	a, err := c.options.connect(config)
	if err != nil {
		return nil, err
	}
	a.etcd = etcd
	a.hashes = newHashKey(etcd.Key)
	c.apis[key] = a
	return a, nil
}

// RESTConfig configures other clients of a cluster's API as this package connects to it:
// through the same proxy, and with what pki.ParseKubeconfig returns and nothing else. It
// does not bound how long a call takes, since a watch is one, too.
func RESTConfig(o Options, kubeconfig []byte) (*rest.Config, error) {
	connection, err := pki.ParseKubeconfig(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("unable to use the kubeconfig: %w", err)
	}
	proxy, err := o.withDefaults().proxy()
	if err != nil {
		return nil, err
	}
	client, err := o.withDefaults().httpClient(&rest.Config{
		Host:  connection.Server,
		Proxy: proxy,
		TLSClientConfig: rest.TLSClientConfig{
			CAData:   connection.CA,
			CertData: connection.Client.Cert,
			KeyData:  connection.Client.Key,
		},
	})
	if err != nil {
		return nil, err
	}
	return &rest.Config{Host: connection.Server, Transport: client.Transport, UserAgent: "terraform-provider-gantry", QPS: -1}, nil
}

func (o Options) connect(config *rest.Config) (*api, error) {
	// The simulated datacenter speaks JSON only, and JSON is readable in a log of
	// the traffic.
	config.ContentType = "application/json"
	config.AcceptContentTypes = "application/json"
	config.UserAgent = "terraform-provider-gantry"
	// The engine bounds its own parallelism.
	config.QPS = -1

	proxy, err := o.proxy()
	if err != nil {
		return nil, err
	}
	config.Proxy = proxy
	client, err := o.httpClient(config)
	if err != nil {
		return nil, err
	}
	clients, err := kubernetes.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("unable to create a Kubernetes client for %s: %w", config.Host, err)
	}
	dyn, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, fmt.Errorf("unable to create a Kubernetes client for %s: %w", config.Host, err)
	}

	cache := memory.NewMemCacheClient(clients.Discovery())
	return &api{
		clients:  clients,
		dynamic:  dyn,
		mapper:   restmapper.NewDeferredDiscoveryRESTMapper(cache),
		interval: o.Interval,
		config:   config,
		timeout:  o.Timeout,
		kindTime: kindTime,
		reading:  make(chan struct{}, 1),
	}, nil
}

// httpClient creates the one HTTP client of a cluster. client-go would share
// transports for the life of the process; this one drops idle connections and
// detects that a VIP moved to another node.
func (o Options) httpClient(config *rest.Config) (*http.Client, error) {
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("unable to read the certificates of the kubeconfig: %w", err)
	}
	transport, err := rest.HTTPWrappersForConfig(config, bounded{limit: o.MaxResponse, RoundTripper: &http.Transport{
		Proxy: config.Proxy,

		OnProxyConnectResponse: proxyConnected,

		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second},
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     20 * time.Second,
	}})
	if err != nil {
		return nil, fmt.Errorf("unable to use the credentials of the kubeconfig: %w", err)
	}
	return &http.Client{Transport: transport, Timeout: o.Timeout, CheckRedirect: noRedirect}, nil
}

func (o Options) proxy() (func(*http.Request) (*url.URL, error), error) {
	if o.ProxyURL == "" {
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(o.ProxyURL)
	if err != nil || u.Host == "" {
		// Not quoted: it may carry a password.
		return nil, errors.New("the proxy URL for cluster APIs is not a URL with a host, such as http://proxy.example.com:3128")
	}
	return http.ProxyURL(u), nil
}
