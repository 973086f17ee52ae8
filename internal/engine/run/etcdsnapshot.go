package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// partialSuffix is that of a file that a snapshot is being written to.
const partialSuffix = ".partial"

// CheckSnapshots returns what keeps a plan from writing its snapshots, before the plan has
// changed anything.
func CheckSnapshots(p *model.Plan) error {
	var f model.Findings
	for _, step := range p.Steps() {
		snapshot, ok := step.(model.SnapshotEtcd)
		if !ok || snapshot.Directory == "" {
			continue
		}
		if err := checkDirectory(snapshot.Directory); err != nil {
			f.Refuse(model.ClusterField(model.FieldEtcdSnapshot), "The directory of etcd snapshots cannot be used",
				"A snapshot of etcd is taken before a control-plane node goes, and none can be written: %s. Nothing was changed. "+
					"Make the directory writable for the user who runs Terraform, or set another one; then apply again.", err)
		}
	}
	return f.Err()
}

// checkDirectory makes a directory where it is missing, and a file in it.
func checkDirectory(directory string) error {
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(directory, ".gantry-*"+partialSuffix)
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// snapshotEtcd writes a snapshot of etcd. Where that fails, the run goes no further: no
// member leaves etcd.
func (r *Runner) snapshotEtcd(ctx context.Context, s model.SnapshotEtcd) error {
	file, err := r.snapshotName(ctx)
	if err == nil {
		if s.Directory == "" {
			return r.storeSnapshot(ctx, file)
		}
		err = retry(ctx, r.Timing, func(ctx context.Context) error { return r.writeSnapshot(ctx, s.Directory, file) })
	}
	if err != nil {
		return fmt.Errorf("no snapshot of etcd was written, and without one no control-plane node is taken away: %w. "+
			"Check that etcd is healthy and that the directory of etcd_snapshot, %q, is writable and has room; then apply again",
			err, s.Directory)
	}
	return nil
}

// snapshotName is that of a snapshot that is taken now: the cluster, vCenter's time and
// the version of etcd that can read it.
func (r *Runner) snapshotName(ctx context.Context) (string, error) {
	var now time.Time
	err := retry(ctx, r.Timing, func(ctx context.Context) (err error) {
		now, err = r.Ledger.Now(ctx)
		return err
	})
	if err != nil {
		return "", err
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return "", err
	}
	version := ""
	err = retry(ctx, r.Timing, func(ctx context.Context) error {
		members, err := api.EtcdMembers(ctx)
		for _, m := range members {
			if m.Leader || version == "" {
				version = m.Version
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%s-etcd-%s.db", r.snapshotPrefix(), now.UTC().Format("20060102T150405Z"), version), nil
}

// snapshotPrefix begins the names of the cluster's snapshots. Clusters of other vCenters
// and gateways may have the same name.
func (r *Runner) snapshotPrefix() string {
	return fmt.Sprintf("%s-%s-", r.Spec.Name, r.Spec.ID.String()[:8])
}

// writeSnapshot writes a file that is whole or not there: under another name until all of
// it is on disk. What an earlier run has left half written is removed.
func (r *Runner) writeSnapshot(ctx context.Context, directory, name string) error {
	if err := removePartial(directory, "."+r.snapshotPrefix()); err != nil {
		r.warnings.add(model.NewFinding(model.ClusterField(model.FieldEtcdSnapshot), "A partial snapshot of etcd is left",
			"A run that was interrupted has left a part of a snapshot, which is of no use: %s. Delete it by hand.", err))
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return writeFile(directory, name, func(to io.Writer) error {
		_, err := api.EtcdSnapshot(ctx, to)
		return err
	})
}

func removePartial(directory, prefix string) error {
	files, err := os.ReadDir(directory)
	if err != nil {
		return err
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), prefix) && strings.HasSuffix(f.Name(), partialSuffix) {
			if err := os.Remove(filepath.Join(directory, f.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// writeFile makes a file that only its owner reads. One that could not be written whole is
// removed.
func writeFile(directory, name string, write func(io.Writer) error) error {
	partial := filepath.Join(directory, "."+name+partialSuffix)
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(partial, filepath.Join(directory, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return syncDirectory(directory)
}

// syncDirectory makes the name of a new file outlive a loss of power. Windows has no such
// call.
func syncDirectory(directory string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
