package kube

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// snapshotStall is how long a member may send nothing of a snapshot that it has begun.
const snapshotStall = time.Minute

// EtcdSnapshot streams a snapshot from the leader, or else another healthy member.
func (a *api) EtcdSnapshot(ctx context.Context, to io.Writer) (int64, error) {
	v, err := a.viewEtcd(ctx)
	if err != nil {
		return 0, etcdFailed(ctx, err, "take a snapshot of etcd")
	}
	defer v.close()
	sources := v.serving(func(model.EtcdMember) bool { return true })
	if len(sources) == 0 {
		return 0, etcdFailed(ctx, errors.New("no member is healthy and votes"), "take a snapshot of etcd")
	}
	c := v.conns[sources[0].Name]
	checked := &checkedWriter{to: to, hash: sha256.New()}
	err = c.snapshot(ctx, checked)
	if err == nil && !checked.whole() {
		err = &etcdError{node: c.node, message: "what it sent does not have the hash at its end", transient: true}
	}
	return checked.size, etcdFailed(ctx, err, "take a snapshot of etcd")
}

func (c *etcdConn) snapshot(ctx context.Context, to io.Writer) error {
	stalled, cancel := context.WithCancel(ctx)
	defer cancel()
	// Only the member's time counts: where the snapshot goes to may be slow.
	watchdog := time.AfterFunc(snapshotStall, cancel)
	defer watchdog.Stop()
	stream, err := c.maintenance.Snapshot(stalled, &etcdserverpb.SnapshotRequest{})
	if err != nil {
		return c.explain(err)
	}
	for {
		watchdog.Reset(snapshotStall)
		part, err := stream.Recv()
		watchdog.Stop()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && stalled.Err() != nil && ctx.Err() == nil:
			return &etcdError{node: c.node, message: fmt.Sprintf("nothing came for %s", snapshotStall), transient: true}
		case err != nil:
			return c.explain(err)
		}
		if _, err := to.Write(part.Blob); err != nil {
			return fmt.Errorf("unable to write it: %w", err)
		}
	}
}

// checkedWriter writes a snapshot on and hashes all of it but its end, which is the hash.
type checkedWriter struct {
	to   io.Writer
	hash hash.Hash
	tail []byte // the last bytes, which may be the hash
	size int64
}

// Write implements io.Writer.
func (w *checkedWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.size += int64(n)
	w.tail = append(w.tail, p[:n]...)
	if over := len(w.tail) - sha256.Size; over > 0 {
		w.hash.Write(w.tail[:over])
		w.tail = bytes.Clone(w.tail[over:])
	}
	return n, err
}

// whole reports whether the end is the hash of all before.
func (w *checkedWriter) whole() bool {
	return w.size > sha256.Size && bytes.Equal(w.hash.Sum(nil), w.tail)
}
