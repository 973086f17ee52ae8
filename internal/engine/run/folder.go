package run

import (
	"context"
	"errors"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
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

func (r *Runner) deleteFolder(ctx context.Context, s model.DeleteFolder) (left bool, err error) {
	err = r.changes.call(ctx, func(ctx context.Context) error {
		left, err = r.VCenter.DeleteFolder(ctx, s.Datacenter, s.Path)
		return err
	})
	return left, err
}

// moveNodes moves VMs into the folder. Each attempt reads anew where they are, so that
// one that was killed half way goes on with the rest. A VM that goes or is moved
// meanwhile, as by a task whose answer was lost, ends a task before its end: the others
// are moved by a second one.
func (r *Runner) moveNodes(ctx context.Context, s model.MoveNodes) error {
	folder, err := r.folder(ctx)
	if err != nil {
		return err
	}
	move := func(ctx context.Context) (string, error) { return r.VCenter.MoveIntoFolder(ctx, folder, s.VMs) }
	_, err = r.changes.task(ctx, move)
	if errors.Is(err, model.ErrGone) || errors.Is(err, model.ErrExists) {
		_, err = r.changes.task(ctx, move)
	}
	if err != nil {
		return err
	}
	return r.settleFolder(ctx)
}

// settleFolder ends a change of the folder, once no VM is left elsewhere: the folders
// that Gantry made and that are not on the way to the new one are deleted where they are
// empty. The record, written last, keeps those that are not.
func (r *Runner) settleFolder(ctx context.Context) error {
	before := r.record.current()
	deleted := map[string]bool{}
	for _, path := range slices.Backward(before.Folders) {
		if inventoryname.HoldsFolder(path, r.Spec.Folder) {
			continue
		}
		left, err := r.deleteFolder(ctx, model.DeleteFolder{Datacenter: before.Datacenter, Path: path})
		if err != nil {
			return err
		}
		deleted[path] = !left
	}
	return r.record.update(ctx, func(b *record.Cluster) {
		b.Folder = r.Spec.Folder
		b.Folders = slices.DeleteFunc(b.Folders, func(path string) bool { return deleted[path] })
	})
}

// followFolder records a folder that the VMs are in already, as after it was renamed in
// vCenter, or after a run that was killed before it had recorded the move. A plan without
// numbers is of a destruction.
func (r *Runner) followFolder(ctx context.Context, p *model.Plan) error {
	now := r.record.current()
	moves := slices.ContainsFunc(p.Steps(), func(s model.Step) bool { _, ok := s.(model.MoveNodes); return ok })
	running := now.Found && now.APIReached && p.Numbers.Next != nil
	if !running || moves || now.Folder == r.Spec.Folder || !plan.AllInFolder(r.Spec, &r.World.Facts) {
		return nil
	}
	return r.settleFolder(ctx)
}
