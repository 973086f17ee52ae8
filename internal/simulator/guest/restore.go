package guest

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/etcd"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

const (
	restoreFiles = "/etc/gantry/restore/"
	etcdPeerPort = 2380
)

// restore is the part of the bootstrap script that makes etcd's data from a snapshot before
// kubeadm init. The member that runs on it is nil where the machine has nothing to restore.
func (g *guest) restore(ctx context.Context, inst *cloudinit.Instance, n *node) (*etcd.Disk, *etcd.Member, error) {
	if _, ok := inst.Files[restoreFiles+"restore.sh"]; !ok {
		return nil, nil, nil
	}
	if err := checkRestoreFiles(inst, n); err != nil {
		return nil, nil, err
	}
	file, err := fetchSnapshot(ctx, inst)
	if err != nil {
		return nil, nil, fmt.Errorf("the snapshot: %w", err)
	}
	defer func() { _ = os.Remove(file) }()
	c := n.cluster
	disk, err := c.etcdDisk(n)
	if err != nil {
		return nil, nil, err
	}
	if err := disk.Restore(file); err != nil {
		return nil, nil, fmt.Errorf("etcdutl snapshot restore: %w", err)
	}
	m, err := disk.Start()
	if err != nil {
		return nil, nil, err
	}
	saved, err := []byte(nil), m.WaitReady(ctx)
	if err == nil {
		saved, err = m.Saved(ctx)
	}
	if err == nil {
		err = c.store.Restore(saved)
	}
	if err == nil {
		err = c.checkSnapshot()
	}
	if err != nil {
		g.world.kill(m)
		return nil, nil, fmt.Errorf("etcd: %w", err)
	}
	g.log("[gantry] etcd has the data of the snapshot")
	return disk, m, nil
}

// checkSnapshot refuses the objects of a cluster with other authorities, as the script does,
// which searches the file for the authority.
func (c *cluster) checkSnapshot() error {
	published, err := c.store.Get(kubeapi.ConfigMaps, "kube-system", "kube-root-ca.crt")
	if err != nil {
		return err
	}
	if ca, _, err := unstructured.NestedString(published.Object, "data", "ca.crt"); err != nil || ca != string(c.caPEM()) {
		return errors.New("the snapshot is not of this cluster: the certificate authority of this cluster is not in it")
	}
	return nil
}

// checkRestoreFiles expects what the script needs, that no other user reads the URL, and
// that the member is the one that kubeadm starts.
func checkRestoreFiles(inst *cloudinit.Instance, n *node) error {
	for _, name := range []string{"restore.sh", "fetch-snapshot.py", "url", "sha256", "member", "peer-url", "endpoint"} {
		if _, ok := inst.Files[restoreFiles+name]; !ok {
			return fmt.Errorf("%s: no such file or directory", restoreFiles+name)
		}
	}
	if mode := inst.Files[restoreFiles+"url"].Mode; mode&0o077 != 0 {
		return fmt.Errorf("%surl: mode %#o: every user of the machine can fetch all Secrets of the cluster", restoreFiles, mode)
	}
	peer := "https://" + netip.AddrPortFrom(n.advertise.Addr(), etcdPeerPort).String()
	if restoreFile(inst, "member") != n.name || restoreFile(inst, "peer-url") != peer {
		return fmt.Errorf("etcd: couldn't find local name %q in the initial cluster configuration", n.name)
	}
	return nil
}

func restoreFile(inst *cloudinit.Instance, name string) string {
	return strings.TrimSpace(string(inst.Files[restoreFiles+name].Content))
}

// fetchSnapshot fetches a snapshot over the host's network: what serves it is no part of
// the simulation. No error has the URL in it.
func fetchSnapshot(ctx context.Context, inst *cloudinit.Instance) (file string, err error) {
	trusted, err := x509.SystemCertPool()
	if err != nil {
		trusted = x509.NewCertPool()
	}
	if ca, ok := inst.Files[restoreFiles+"ca.crt"]; ok && !trusted.AppendCertsFromPEM(ca.Content) {
		return "", errors.New("ca.crt: no certificate found")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, restoreFile(inst, "url"), nil)
	if err != nil {
		return "", errors.New("the URL cannot be used")
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return "", fmt.Errorf("the server cannot be reached: %w", withoutURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the server answered with status %d", resp.StatusCode)
	}
	f, err := os.CreateTemp("", "gantry-snapshot-")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), resp.Body)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil && hex.EncodeToString(sum.Sum(nil)) != restoreFile(inst, "sha256") {
		err = errors.New("what was fetched does not have the sha256 of restore_from_snapshot")
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// withoutURL is what a client's error is about, without where it was.
func withoutURL(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) {
		return unknown
	}
	return errors.New("no answer")
}

// begin makes the restored member the machine's, and takes in the workers of the cluster
// that had the endpoint and the authority before: they know no other. World.mu is held.
func (c *cluster) begin(g *guest, disk *etcd.Disk, m *etcd.Member) {
	if m == nil {
		return
	}
	c.etcdRuns = true
	g.disk.member = disk
	c.world.adopt(g, m)
	for _, other := range c.world.guests {
		if n := other.disk.node; n != nil && !n.controlPlane && n.cluster.at == c.at && sameAuthority(n.cluster.ca, c.ca) {
			n.cluster = c
		}
	}
}

func sameAuthority(a, b *kubeadm.Authority) bool { return a.Certificate.Equal(b.Certificate) }
