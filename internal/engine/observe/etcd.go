package observe

import (
	"context"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ReadEtcd asks etcd for its members, where the API answers. That it does not answer is
// an observation, not an error.
func (w *World) ReadEtcd(ctx context.Context) {
	if w.API == nil || !w.Facts.API.Answered() {
		return
	}
	etcd := &w.Limits.Etcd
	etcd.Asked = true
	etcd.Members, etcd.Error = w.API.EtcdMembers(ctx)
}

// ReadSnapshotPrivileges reads what an account lacks to write snapshots of etcd to a
// datastore. Where that cannot be read, nothing is known to be missing.
func (w *World) ReadSnapshotPrivileges(ctx context.Context, vc model.VCenter, datastore string) {
	w.Limits.NoSnapshots, _ = vc.LacksForFiles(ctx, datastore)
}
