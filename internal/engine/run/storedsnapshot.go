package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// keptSnapshots is how many snapshots of a cluster a datastore keeps.
const keptSnapshots = 3

// storeSnapshot writes a snapshot of etcd to the control plane's datastore, which is
// recorded before, and deletes older ones.
func (r *Runner) storeSnapshot(ctx context.Context, file string) error {
	datastore := r.World.Limits.Site.SnapshotDatastore(r.record.current().Snapshots)
	if datastore == "" {
		return errors.New("no snapshot of etcd was written: the datastore of the control plane is not known")
	}
	if !slices.Contains(r.record.current().Snapshots, datastore) {
		err := r.record.update(ctx, func(b *record.Cluster) { b.Snapshots = append(b.Snapshots, datastore) })
		if err != nil {
			return err
		}
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	in := r.snapshotFolder(datastore)
	err = r.changes.call(ctx, func(ctx context.Context) error {
		return r.VCenter.StoreFile(ctx, in, file, func(to io.Writer) error {
			_, err := api.EtcdSnapshot(ctx, to)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("no snapshot of etcd was written, and without one no control-plane node is taken away: %w. "+
			"Check that etcd is healthy and that files can be written to the datastore of the control plane, "+
			"or set a directory in etcd_snapshot; then apply again", err)
	}
	return r.pruneSnapshots(ctx, in)
}

// pruneSnapshots deletes older snapshots. The new one is written: that old ones stay
// holds up nothing but a run that has ended or lost its lock.
func (r *Runner) pruneSnapshots(ctx context.Context, in model.DatastoreFolder) error {
	err := r.changes.call(ctx, func(ctx context.Context) error {
		return r.VCenter.PruneFiles(ctx, in, r.snapshotPrefix(), keptSnapshots)
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil || errors.Is(err, ledger.ErrLost):
		return err
	}
	r.warnings.add(model.NewFinding(model.ClusterField(model.FieldEtcdSnapshot), "Older snapshots of etcd are left",
		"A snapshot of etcd was written to the folder %s of the control plane's datastore, and those before the last %d are still there: %s. "+
			"The next one deletes them, too. Allow the cloud account to delete files of that datastore, or delete them by hand.",
		in.Name, keptSnapshots, err))
	return nil
}

func (r *Runner) snapshotFolder(datastore string) model.DatastoreFolder {
	return model.DatastoreFolder{Datacenter: r.World.Limits.Site.Datacenter, Datastore: datastore, Name: "gantry-" + r.Spec.Name}
}

// deleteSnapshots deletes the cluster's snapshots on a datastore, and their folder with
// the last one.
func (r *Runner) deleteSnapshots(ctx context.Context, s model.DeleteSnapshots) error {
	in := r.snapshotFolder(s.Datastore)
	in.Datacenter = r.record.current().Datacenter
	err := r.changes.call(ctx, func(ctx context.Context) error {
		return r.VCenter.PruneFiles(ctx, in, r.snapshotPrefix(), 0)
	})
	switch {
	case errors.Is(err, model.ErrGone):
		return nil // the datastore is gone, with all that was on it
	case err != nil && s.Leave && ctx.Err() == nil: // it cannot be reached for long
		r.remnants.add(fmt.Sprintf("snapshots of etcd in the folder %q of a datastore (%v)", in.Name, err))
		return nil
	}
	return err
}
