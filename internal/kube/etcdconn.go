package kube

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

const (
	etcdPort = 2379
	// etcdTimeout bounds one call of a member, the way to it included.
	etcdTimeout = 10 * time.Second
)

// etcdConn is a connection to the member of one node. It is made by its first call.
type etcdConn struct {
	node        string
	timeout     time.Duration
	conn        *grpc.ClientConn
	cluster     etcdserverpb.ClusterClient
	maintenance etcdserverpb.MaintenanceClient

	mu     sync.Mutex
	failed error // of the last attempt to connect
}

// etcdTLS is how the engine talks to the members: as a client of their authority.
func (a *api) etcdTLS() (*tls.Config, error) {
	client, err := pki.IssueEtcdClient(rand.Reader, a.etcd, time.Now())
	if err != nil {
		return nil, err
	}
	certificate, err := tls.X509KeyPair(client.Cert, client.Key)
	if err != nil {
		return nil, errors.New("the client certificate of etcd cannot be used")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.etcd.Cert)
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		RootCAs:      roots,
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"h2"},
	}, nil
}

// etcdMember connects to the member of a node. A member's certificate is for the name of
// its node: so the answer is of this node's, whatever the API leads to.
func (a *api) etcdMember(node string, config *tls.Config, timeout time.Duration) (*etcdConn, error) {
	config = config.Clone()
	config.ServerName = node
	c := &etcdConn{node: node, timeout: min(a.timeout, timeout)}
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		conn, err := a.dialEtcd(ctx, node, config)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed = err
		return conn, err
	}
	var err error
	c.conn, err = grpc.NewClient("passthrough:///etcd-"+node,
		grpc.WithContextDialer(dial),
		grpc.WithNoProxy(), // the dialer has its own
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: etcdTimeout, Timeout: etcdTimeout / 2}),
		grpc.WithUserAgent("terraform-provider-gantry"),
	)
	if err != nil {
		return nil, err
	}
	c.cluster = etcdserverpb.NewClusterClient(c.conn)
	c.maintenance = etcdserverpb.NewMaintenanceClient(c.conn)
	return c, nil
}

// dialEtcd connects to etcd on a node. TLS is done here and not by gRPC, which would turn
// a certificate that does not match into a connection that may pass.
func (a *api) dialEtcd(ctx context.Context, node string, config *tls.Config) (net.Conn, error) {
	conn, err := a.forward(ctx, metav1.NamespaceSystem, "etcd-"+node, etcdPort)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

func (c *etcdConn) close() { _ = c.conn.Close() }

// call makes one call of the member, inside its time.
func (c *etcdConn) call(ctx context.Context, do func(ctx context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.explain(do(bounded))
}

// explain returns why the connection failed where that is what an error is about, in the
// words of who refused it.
func (c *etcdConn) explain(err error) error {
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s, _ := status.FromError(err); s.Code() {
	case codes.Unavailable:
		if c.failed != nil {
			return fmt.Errorf("etcd of node %s: %w", c.node, c.failed)
		}
	case codes.DeadlineExceeded:
		return &etcdError{node: c.node, message: fmt.Sprintf("no answer within %s", c.timeout), transient: true}
	}
	return &etcdError{node: c.node, message: status.Convert(err).Message(), transient: passing(err), cause: err}
}

// passing reports whether etcd may answer otherwise a moment later, as without a leader.
func passing(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}

// etcdError is what a member answered.
type etcdError struct {
	node      string
	message   string
	transient bool
	cause     error
}

// Error names the node.
func (e *etcdError) Error() string { return fmt.Sprintf("etcd of node %s: %s", e.node, e.message) }

// Unwrap returns the answer.
func (e *etcdError) Unwrap() error { return e.cause }
