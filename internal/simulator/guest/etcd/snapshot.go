package etcd

import (
	"context"
	"fmt"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"google.golang.org/grpc"
)

// The simulated API keeps its objects in memory. A snapshot has them all the same, below
// contentPrefix, in pieces that a request of etcd has room for.
const (
	contentPrefix = "/gantry-simulator/"
	contentPiece  = 1 << 20
	saveMethod    = "/etcdserverpb.Maintenance/Snapshot"
)

// revisionBump is how far beyond its own the revision of a restored cluster is.
const revisionBump = 1_000_000_000

// saving writes what the API has to etcd before a snapshot is taken.
func (m *Member) saving(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if content := m.disk.cluster.Content; content != nil && info.FullMethod == saveMethod {
		raw, err := content()
		if err == nil {
			err = m.save(stream.Context(), raw)
		}
		if err != nil {
			return fmt.Errorf("the objects of the API: %w", err)
		}
	}
	return handler(server, stream)
}

func (m *Member) save(ctx context.Context, content []byte) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err := m.client.Delete(ctx, contentPrefix, clientv3.WithPrefix()); err != nil {
		return err
	}
	for n := 0; len(content) > 0; n++ {
		piece := content[:min(len(content), contentPiece)]
		content = content[len(piece):]
		if _, err := m.client.Put(ctx, fmt.Sprintf("%s%06d", contentPrefix, n), string(piece)); err != nil {
			return err
		}
	}
	return nil
}

// Saved returns what the API had when the snapshot was taken that the member began with.
func (m *Member) Saved(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	pieces, err := m.client.Get(ctx, contentPrefix, clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	var content []byte
	for _, piece := range pieces.Kvs {
		content = append(content, piece.Value...)
	}
	return content, nil
}

// Restore makes the data of the only member of a cluster from a snapshot, as etcdutl does.
func (d *Disk) Restore(file string) error {
	d.busy.Lock()
	defer d.busy.Unlock()
	return snapshot.NewV3(quietly()).Restore(snapshot.RestoreConfig{
		SnapshotPath:        file,
		Name:                d.name,
		OutputDataDir:       d.dataDir(),
		PeerURLs:            []string{d.relay.url()},
		InitialCluster:      d.name + "=" + d.relay.url(),
		InitialClusterToken: "etcd-cluster",
		RevisionBump:        revisionBump,
		MarkCompacted:       true,
	})
}
