package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// maxFolderLosses is how often the folder may be deleted by others while it is made.
const maxFolderLosses = 5

// ensureFolder creates the VM folder where it is missing, and returns its
// reference. What is missing of the path is recorded first: a folder that was
// created and not recorded would stay for ever. Once the cluster is noted at a folder
// that Gantry made, no other one deletes it: that it is still there is read after that.
func (r *Runner) ensureFolder(ctx context.Context) (string, error) {
	if err := r.recordMissingFolders(ctx); err != nil {
		return "", err
	}
	site := r.World.Limits.Site.Folder
	levels := site.Levels
	noted := r.notedFolders()
	for attempt := range maxFolderLosses {
		if site.Ref == "" || attempt > 0 {
			var err error
			// The survey under the lock has just shown what is missing. What it shows of a
			// folder at which the cluster was not noted yet proves nothing later.
			maxAge := r.Timing.ReadMaxAge
			if attempt > 0 {
				maxAge = 0
			}
			if levels, err = r.createFolder(ctx, maxAge); err != nil {
				return "", err
			}
		}
		r.levels = levels
		joined, err := r.joinFolders(ctx, levels, noted)
		switch {
		case err != nil:
			return "", err
		case joined:
		case len(levels) == 0:
			return site.Ref, nil // the datacenter's own
		default:
			return levels[len(levels)-1].Ref, nil
		}
	}
	return "", fmt.Errorf("the VM folder %q was deleted %d times while it was made", r.Spec.Folder, maxFolderLosses)
}

// notedFolders are the folders at which the cluster is noted: those that the record has,
// of a cluster that is in its folder. While it is created or moved, a run may have been
// killed before it had noted it.
func (r *Runner) notedFolders() map[string]bool {
	noted := map[string]bool{}
	now := r.record.current()
	if !now.APIReached || !inventoryname.SameFolder(now.Folder, r.Spec.Folder) {
		return noted
	}
	for _, f := range now.Folders {
		noted[f.Ref] = true
	}
	return noted
}

// recordMissingFolders records the part of the folder's path that is to be made.
func (r *Runner) recordMissingFolders(ctx context.Context) error {
	missing := r.World.Limits.Site.Folder.Missing
	if len(missing) == 0 {
		return nil
	}
	return r.record.update(ctx, func(b *record.Cluster) { b.Folders = withMissing(b.Folders, missing) })
}

// withMissing adds paths that are to be made to recorded folders. One that is recorded
// with a reference and is missing is another folder, which was renamed or moved.
func withMissing(folders []record.Folder, missing []string) []record.Folder {
	for _, path := range missing {
		if !slices.Contains(folders, record.Folder{Path: path}) {
			folders = append(folders, record.Folder{Path: path})
		}
	}
	return folders
}

func (r *Runner) createFolder(ctx context.Context, maxAge time.Duration) (levels []record.Folder, err error) {
	err = r.changes.call(ctx, func(ctx context.Context) error {
		levels, err = r.VCenter.CreateFolder(ctx, r.World.Limits.Site.Datacenter, r.Spec.Folder, maxAge)
		return err
	})
	return levels, err
}

// joinFolders records the references of those folders of a path that Gantry made, and
// notes the cluster at them, but for those in noted, to which it adds them. It reports
// whether there were any.
func (r *Runner) joinFolders(ctx context.Context, levels []record.Folder, noted map[string]bool) (bool, error) {
	made := r.madeByGantry(levels)
	if err := r.record.update(ctx, func(b *record.Cluster) { b.Folders = withLevels(b.Folders, made) }); err != nil {
		return false, err
	}
	var refs []string
	for _, level := range made {
		if !noted[level.Ref] {
			refs = append(refs, level.Ref)
			noted[level.Ref] = true
		}
	}
	if len(refs) == 0 {
		return false, nil
	}
	return true, r.changes.call(ctx, func(ctx context.Context) error { return r.Lease.JoinFolders(ctx, refs, r.Spec.Ref) })
}

// madeByGantry are those folders of a path that Gantry made: the cluster's record has
// them, or others that use them are noted there.
func (r *Runner) madeByGantry(levels []record.Folder) []record.Folder {
	recorded := r.record.current().Folders
	return slices.DeleteFunc(slices.Clone(levels), func(level record.Folder) bool {
		known := slices.ContainsFunc(recorded, func(f record.Folder) bool { return isLevel(f, level) })
		return !known && !r.World.Snapshot.HasNotes(r.Ledger.FolderID(level.Ref))
	})
}

// isLevel reports whether a recorded folder is one of a path: by its reference, or, as
// long as that is not known, by its path.
func isLevel(f, level record.Folder) bool {
	return f.Ref == level.Ref || f.Ref == "" && inventoryname.SameFolder(f.Path, level.Path)
}

// withLevels are recorded folders with those of a path among them, as these are now,
// outermost first.
func withLevels(recorded, levels []record.Folder) []record.Folder {
	folders := slices.DeleteFunc(slices.Clone(recorded), func(f record.Folder) bool {
		return slices.ContainsFunc(levels, func(level record.Folder) bool { return isLevel(f, level) })
	})
	folders = append(folders, levels...)
	depth := func(f record.Folder) int {
		_, names := inventoryname.SplitFolder(f.Path)
		return len(names)
	}
	slices.SortStableFunc(folders, func(a, b record.Folder) int { return depth(a) - depth(b) })
	return folders
}

// leaveFolder gives up a folder that Gantry made. The last cluster that uses it deletes
// it, if it is empty; left says that it is not. For good, it does not come back to it.
func (r *Runner) leaveFolder(ctx context.Context, s model.DeleteFolder, forGood bool) (left bool, err error) {
	var refused error
	err = r.changes.call(ctx, func(ctx context.Context) error {
		refused = nil
		ref := s.Folder.Ref
		if ref == "" {
			if ref, err = r.VCenter.FindFolder(ctx, s.Datacenter, s.Folder.Path); err != nil || ref == "" {
				return err
			}
		}
		return r.Lease.LeaveFolder(ctx, ref, r.Spec.Ref, func(ctx context.Context) (bool, error) {
			left, err = r.VCenter.DeleteFolder(ctx, ref)
			if s.Leave && errors.Is(err, model.ErrPermission) {
				refused = err
				left, err = true, nil
			}
			return left && !forGood, err
		})
	})
	switch {
	case !s.Leave || err != nil || !left:
	case refused != nil:
		r.remnants.add(fmt.Sprintf("the VM folder %q (%v)", s.Folder.Path, refused))
	default:
		r.remnants.add(fmt.Sprintf("the VM folder %q (it is not empty)", s.Folder.Path))
	}
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
	err = r.changes.task(ctx, move)
	if errors.Is(err, model.ErrGone) || errors.Is(err, model.ErrExists) {
		err = r.changes.task(ctx, move)
	}
	if err != nil {
		return err
	}
	return r.settleFolder(ctx)
}

// settleFolder ends a change of the folder, once no VM is left elsewhere: the folders
// that Gantry made and that are not on the way to the new one are given up. The record,
// written last, keeps those that are not empty.
func (r *Runner) settleFolder(ctx context.Context) error {
	before := r.record.current()
	given := map[record.Folder]bool{}
	for _, folder := range slices.Backward(before.Folders) {
		if slices.ContainsFunc(r.levels, func(level record.Folder) bool { return isLevel(folder, level) }) {
			continue
		}
		left, err := r.leaveFolder(ctx, model.DeleteFolder{Datacenter: before.Datacenter, Folder: folder}, false)
		if err != nil {
			return err
		}
		given[folder] = !left
	}
	return r.record.update(ctx, func(b *record.Cluster) {
		b.Folder = r.Spec.Folder
		b.Folders = slices.DeleteFunc(b.Folders, func(folder record.Folder) bool { return given[folder] })
	})
}

// followFolder records a folder that the VMs are in already, as after it was renamed in
// vCenter, or after a run that was killed before it had recorded the move, and the
// folders that Gantry made by what they are called now. A plan without numbers is of a
// destruction.
func (r *Runner) followFolder(ctx context.Context, p *model.Plan) error {
	now := r.record.current()
	r.levels = r.World.Limits.Site.Folder.Levels
	running := now.Found && now.APIReached && p.Numbers.Next != nil
	moves := slices.ContainsFunc(p.Steps(), func(s model.Step) bool { _, ok := s.(model.MoveNodes); return ok })
	if !running || moves {
		return nil
	}
	if _, err := r.joinFolders(ctx, r.levels, r.notedFolders()); err != nil {
		return err
	}
	if now.Folder == r.Spec.Folder || !plan.AllInFolder(r.Spec, &r.World.Facts) {
		return nil
	}
	return r.settleFolder(ctx)
}
