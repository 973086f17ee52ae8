package run

import (
	"context"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// ensureFolder creates the VM folder where it is missing, and returns its
// reference. What is missing of the path is recorded first: a folder that was
// created and not recorded would stay for ever.
func (r *Runner) ensureFolder(ctx context.Context) (ref string, err error) {
	site := r.World.Limits.Site
	if site.Folder.Ref != "" {
		return site.Folder.Ref, nil
	}
	err = r.record.update(ctx, func(b *record.Cluster) {
		for _, path := range site.Folder.Missing {
			if !slices.Contains(b.Folders, path) {
				b.Folders = append(b.Folders, path)
			}
		}
	})
	if err != nil {
		return "", err
	}
	err = r.changes.call(ctx, func(ctx context.Context) error {
		ref, err = r.VCenter.CreateFolder(ctx, site.Datacenter, r.Spec.Folder)
		return err
	})
	return ref, err
}

func (r *Runner) deleteFolder(ctx context.Context, s model.DeleteFolder) error {
	return r.changes.call(ctx, func(ctx context.Context) error {
		return r.VCenter.DeleteFolder(ctx, s.Datacenter, s.Path)
	})
}
