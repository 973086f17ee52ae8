package run

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// guardedVCenter is the vCenter of a run: right before each change, after all
// waiting, it checks that the run still holds its lock. A test walks over the port:
// what changes anything and is not listed here fails it.
type guardedVCenter struct {
	model.VCenter // for what only reads
	check         func(context.Context) error
}

// guarded makes a change that returns something only where the check passes.
func guarded[T any](ctx context.Context, check func(context.Context) error, change func() (T, error)) (T, error) {
	if err := check(ctx); err != nil {
		var none T
		return none, err
	}
	return change()
}

func (g guardedVCenter) CreateFolder(ctx context.Context, datacenter, path string, maxAge time.Duration) ([]record.Folder, error) {
	return guarded(ctx, g.check, func() ([]record.Folder, error) { return g.VCenter.CreateFolder(ctx, datacenter, path, maxAge) })
}

func (g guardedVCenter) DeleteFolder(ctx context.Context, ref string) (bool, error) {
	return guarded(ctx, g.check, func() (bool, error) { return g.VCenter.DeleteFolder(ctx, ref) })
}

func (g guardedVCenter) MoveIntoFolder(ctx context.Context, folder string, vms []string) (string, error) {
	Waiting(ctx, "vCenter, which moves VMs into the folder")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.MoveIntoFolder(ctx, folder, vms) })
}

func (g guardedVCenter) Clone(ctx context.Context, c model.CloneRequest) (string, error) {
	Waiting(ctx, "vCenter, which clones its VM")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.Clone(ctx, c) })
}

func (g guardedVCenter) SetIncarnation(ctx context.Context, vm string, incarnation record.Incarnation) (string, error) {
	Waiting(ctx, "vCenter, which changes VMs")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.SetIncarnation(ctx, vm, incarnation) })
}

func (g guardedVCenter) SetNotes(ctx context.Context, vm, notes string) (string, error) {
	Waiting(ctx, "vCenter, which changes the notes of VMs")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.SetNotes(ctx, vm, notes) })
}

func (g guardedVCenter) SetGuestInfo(ctx context.Context, vm string, guestInfo map[string]string) (string, error) {
	Waiting(ctx, "vCenter, which writes what its VM boots with")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.SetGuestInfo(ctx, vm, guestInfo) })
}

func (g guardedVCenter) WipeUserdata(ctx context.Context, vm string) (string, error) {
	Waiting(ctx, "vCenter, which removes the bootstrap data from its VM")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.WipeUserdata(ctx, vm) })
}

func (g guardedVCenter) PowerOn(ctx context.Context, vm string) (string, error) {
	Waiting(ctx, "vCenter, which powers its VM on")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.PowerOn(ctx, vm) })
}

func (g guardedVCenter) PowerOff(ctx context.Context, vm string) (string, error) {
	Waiting(ctx, "vCenter, which powers its VM off")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.PowerOff(ctx, vm) })
}

func (g guardedVCenter) DetachDisks(ctx context.Context, vm string, keys []int32) (string, error) {
	Waiting(ctx, "vCenter, which detaches disks of others from its VM")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.DetachDisks(ctx, vm, keys) })
}

func (g guardedVCenter) Destroy(ctx context.Context, vm string) (string, error) {
	Waiting(ctx, "vCenter, which deletes its VM")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.Destroy(ctx, vm) })
}

func (g guardedVCenter) AttachVMTag(ctx context.Context, tag uuid.UUID, vms []string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.VCenter.AttachVMTag(ctx, tag, vms)
}

func (g guardedVCenter) DetachVMTag(ctx context.Context, tag uuid.UUID, vms []string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.VCenter.DetachVMTag(ctx, tag, vms)
}

func (g guardedVCenter) ImageFolder(ctx context.Context, datacenter, path string) (string, error) {
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.ImageFolder(ctx, datacenter, path) })
}

func (g guardedVCenter) BeginImport(ctx context.Context, req model.ImportRequest) (model.ImageUpload, error) {
	Waiting(ctx, "vCenter, which makes the VM of the image")
	return guarded(ctx, g.check, func() (model.ImageUpload, error) { return g.VCenter.BeginImport(ctx, req) })
}

func (g guardedVCenter) SyncImage(ctx context.Context, image model.Image) error {
	Waiting(ctx, "vCenter, which synchronizes the item "+image.Title())
	return failureOf(guarded(ctx, g.check, func() (struct{}, error) { return struct{}{}, g.VCenter.SyncImage(ctx, image) }))
}

func (g guardedVCenter) DeployImage(ctx context.Context, req model.LibraryRequest) (string, error) {
	Waiting(ctx, "vCenter, which deploys the item "+req.Image.Title())
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.DeployImage(ctx, req) })
}

func (g guardedVCenter) SealImage(ctx context.Context, vm string, image model.Image) (string, error) {
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.SealImage(ctx, vm, image) })
}

func (g guardedVCenter) SnapshotImage(ctx context.Context, vm string) (string, error) {
	Waiting(ctx, "vCenter, which takes the snapshot of the image")
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.SnapshotImage(ctx, vm) })
}

func (g guardedVCenter) MarkAsTemplate(ctx context.Context, vm string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.VCenter.MarkAsTemplate(ctx, vm)
}

func (g guardedVCenter) EditRules(ctx context.Context, edits model.RuleEdits) (string, error) {
	return guarded(ctx, g.check, func() (string, error) { return g.VCenter.EditRules(ctx, edits) })
}

func (g guardedVCenter) StoreFile(ctx context.Context, in model.DatastoreFolder, name string, write func(io.Writer) error) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	Waiting(ctx, "vCenter, which takes a file onto a datastore")
	return g.VCenter.StoreFile(ctx, in, name, write)
}

func (g guardedVCenter) LogEvent(ctx context.Context, vm, message string) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.VCenter.LogEvent(ctx, vm, message)
}

func (g guardedVCenter) PruneFiles(ctx context.Context, in model.DatastoreFolder, prefix string, keep int) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.VCenter.PruneFiles(ctx, in, prefix, keep)
}
