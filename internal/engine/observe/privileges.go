package observe

import (
	"context"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ReadPrivileges reads what a user lacks of the privileges that a plan needs, by the
// reference of the object, and, where it stores a snapshot of etcd on a datastore, of those
// that this needs; an empty user is the reader's own. Where that cannot be read, nothing is
// known to be missing.
func (o Observer) ReadPrivileges(ctx context.Context, w *World, user string, needed map[string][]string, snapshots string) {
	w.Limits.User = user
	if len(needed) > 0 {
		w.Limits.Lacks, _ = o.VCenter.Lacks(ctx, model.PrivilegeRequest{User: user, Objects: needed, MaxAge: o.MaxAge})
	}
	if snapshots != "" {
		w.Limits.NoSnapshots, _ = o.VCenter.LacksForFiles(ctx, user, snapshots)
	}
}
