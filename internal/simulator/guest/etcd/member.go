package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc"
)

// ErrRemoved ends a member that was removed from its cluster: it never comes back.
var ErrRemoved = errors.New("the member has been permanently removed from the cluster")

// Disk is what a member has on its machine: its certificates and its data.
type Disk struct {
	cluster *Cluster
	name    string
	address netip.Addr
	dir     string
	relay   *relay
	initial []Peer     // empty for the first member
	runs    string     // as Runs says; empty: the one that is built in
	busy    sync.Mutex // held while a member uses it
}

// Peer is a member as its cluster knows it.
type Peer struct{ Name, URL string }

// Member is a running member.
type Member struct {
	disk   *Disk
	etcd   *embed.Etcd
	client *clientv3.Client
	links  links
}

// Timing of the raft: half of a real cluster's, so that a leader is found soon. Members
// that share a busy host with a hundred others find none in much less.
const (
	tickMilliseconds     = 50
	electionMilliseconds = 500
)

// config is what kubeadm's static pod starts etcd with.
func (m *Member) config() (*embed.Config, error) {
	d := m.disk
	peer, err := url.Parse(d.relay.url())
	if err != nil {
		return nil, err
	}
	cfg := embed.NewConfig()
	cfg.Name = d.name
	cfg.Dir = d.dataDir()
	cfg.ListenPeerUrls = []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}
	cfg.ListenClientUrls = cfg.ListenPeerUrls
	cfg.AdvertisePeerUrls = []url.URL{*peer}
	cfg.AdvertiseClientUrls = []url.URL{{Scheme: "https", Host: net.JoinHostPort(d.address.String(), "2379")}}
	cfg.InitialCluster = d.name + "=" + d.relay.url()
	if len(d.initial) > 0 {
		var members []string
		for _, p := range d.initial {
			members = append(members, p.Name+"="+p.URL)
		}
		cfg.InitialCluster = strings.Join(members, ",")
		cfg.ClusterState = embed.ClusterStateFlagExisting
	}
	cfg.ClientTLSInfo = d.tls(fileServer)
	cfg.PeerTLSInfo = d.tls(filePeer)
	cfg.SnapshotCount = 10000
	cfg.TickMs = tickMilliseconds
	cfg.ElectionMs = electionMilliseconds
	// The machines of a simulation lose their power, their host does not.
	cfg.UnsafeNoFsync = true
	cfg.EnableGRPCGateway = false
	// Its check of a change of the members wants connections of five seconds, which is
	// ages here: strictly does the same without the wait.
	cfg.StrictReconfigCheck = false
	cfg.GRPCAdditionalServerOptions = []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(m.strictly), grpc.ChainStreamInterceptor(m.saving),
	}
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(quietly())
	return cfg, nil
}

// quietly logs nothing. What ends the process of a real etcd must not end this one.
func quietly() *zap.Logger {
	return zap.NewNop().WithOptions(zap.WithFatalHook(zapcore.WriteThenGoexit), zap.WithPanicHook(zapcore.WriteThenGoexit))
}

func (d *Disk) dataDir() string { return filepath.Join(d.dir, "data") }

func (d *Disk) tls(file string) transport.TLSInfo {
	return transport.TLSInfo{
		CertFile:       filepath.Join(d.dir, file+".crt"),
		KeyFile:        filepath.Join(d.dir, file+".key"),
		TrustedCAFile:  filepath.Join(d.dir, fileCA),
		ClientCertAuth: true,
		Logger:         zap.NewNop(),
	}
}

// Start runs the member; it does not wait until it serves. One that was killed a moment
// ago gives up the disk first.
func (d *Disk) Start() (started *Member, err error) {
	d.busy.Lock()
	d.cluster.members.Add(1)
	defer func() {
		if err != nil {
			d.release()
		}
	}()
	if err := d.cluster.mayStart(d); err != nil {
		return nil, err
	}
	m := &Member{disk: d}
	cfg, err := m.config()
	if err != nil {
		return nil, fmt.Errorf("etcd of %s: %w", d.name, err)
	}
	if m.etcd, err = embed.StartEtcd(cfg); err != nil {
		return nil, fmt.Errorf("etcd of %s: %w", d.name, err)
	}
	m.client = v3client.New(m.etcd.Server)
	d.relay.connect(m.etcd.Peers[0].Addr().String())
	d.cluster.running(m, true)
	return m, nil
}

func (d *Disk) release() {
	d.busy.Unlock()
	d.cluster.members.Done()
}

// Wipe removes the member's data, as `kubeadm reset` does, once no member uses it.
func (d *Disk) Wipe() {
	d.busy.Lock()
	defer d.busy.Unlock()
	_ = os.RemoveAll(d.dataDir())
}

// WaitReady waits until the member has joined its cluster, which takes a leader, and the
// cluster has a version: one that has none yet is "incompatible" to a member that joins.
// A real cluster has decided on it long before a second machine boots; here the first
// member may have started a moment ago. It returns ErrRemoved where the cluster does not
// want the member any more.
func (m *Member) WaitReady(ctx context.Context) error {
	select {
	case <-m.etcd.Server.ReadyNotify():
	case <-m.etcd.Server.StopNotify():
		return ErrRemoved
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for m.etcd.Server.ClusterVersion() == nil {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-m.etcd.Server.StopNotify():
			return ErrRemoved
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Stopped closes when the member has ended of itself, as after its removal.
func (m *Member) Stopped() <-chan struct{} { return m.etcd.Server.StopNotify() }

// ID is the member's in its cluster.
func (m *Member) ID() uint64 { return uint64(m.etcd.Server.MemberID()) }

// Cut is the loss of power: no peer is told, and nothing of the member is to be heard
// from now on. Release has to follow.
func (m *Member) Cut() {
	m.disk.cluster.running(m, false)
	m.disk.relay.connect("")
	m.links.cut()
}

// Release ends what is left of a member that was cut, which takes some milliseconds.
func (m *Member) Release() {
	m.etcd.Server.HardStop() // Close alone would hand the leadership over first
	m.etcd.Close()
	m.disk.release()
}

// Dial connects to the port on which the member serves its clients.
func (m *Member) Dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", m.etcd.Clients[0].Addr().String())
	if err != nil {
		return nil, err
	}
	return m.links.add(conn), nil
}

// Hang makes the member's clients wait for ever, or lets them go on.
func (m *Member) Hang(hanging bool) { m.links.hang(hanging) }

// requestTimeout bounds one request of a machine to its etcd.
const requestTimeout = 5 * time.Second
