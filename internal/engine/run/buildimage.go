package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// builder is a VM in which an image is built.
type builder struct {
	*imageImport
	base    model.Template
	folder  string
	place   model.ResolvedPlacement
	address netip.Prefix // not valid: it takes a lease
	mac     string
	vm      string
	unknown bool // a clone was asked for of which nothing is known
}

// build makes the VM of a built image: a clone of its base that has run the scripts, has been
// cleaned and has powered itself off. What an earlier run has left is deleted first; what this
// one cannot end, too.
func (i *imageImport) build(ctx context.Context, found *model.FoundImage) (string, error) {
	if m := i.World.Facts.UnseenBuilder; m != nil {
		return "", fmt.Errorf("the VM %s, in which an image was built before, is not visible, and may have its address yet", m.Ref)
	}
	if err := i.clearBuilders(ctx, found); err != nil {
		return "", err
	}
	b := &builder{imageImport: i, place: i.World.Limits.Site.Placements[model.ImportPlacement]}
	var err error
	if b.base, err = i.base(ctx, found); err != nil {
		return "", err
	}
	if !b.place.Complete() {
		return "", fmt.Errorf("a part of the %s, on which the image is built, was not found", model.ImportPlacement.Field(""))
	}
	if b.folder, err = i.imageFolder(ctx); err != nil {
		return "", err
	}
	err = b.run(ctx)
	if err == nil {
		err = b.note(ctx, record.Builder{Name: b.owner()}) // as a template it is no VM of the cluster's
	}
	if err == nil {
		err = i.changes.task(ctx, func(ctx context.Context) (string, error) { return i.vc.SealImage(ctx, b.vm, i.image) })
	}
	if err != nil {
		return "", errors.Join(err, b.undo(ctx))
	}
	return b.vm, b.release(ctx)
}

// base is the template that the image is built of: one that is there, or that of an OVA, which is
// imported where it is not.
func (i *imageImport) base(ctx context.Context, found *model.FoundImage) (model.Template, error) {
	if base := i.image.Build.Base; base.Made() {
		return i.Runner.image(ctx, base)
	}
	if err := found.BaseFindings.Err(); err != nil {
		return model.Template{}, err
	}
	return found.Base, nil
}

// clearBuilders deletes the VMs of runs that were interrupted, whichever cluster's they were:
// who has the image's lock is the only one that builds it. Their addresses are their cluster's to
// give back.
func (i *imageImport) clearBuilders(ctx context.Context, found *model.FoundImage) error {
	for _, vm := range found.Begun {
		if err := i.check(ctx); err != nil {
			return err
		}
		err := i.destroyVM(ctx, model.Machine{Ref: vm, Path: i.image.Template})
		if err == nil {
			err = i.changes.watch.gone(ctx, vm)
		}
		if err != nil && !errors.Is(err, model.ErrGone) {
			return fmt.Errorf("delete what an interrupted build of the image %q has left: %w", i.image.Template, err)
		}
	}
	return nil
}

// note has the record of the cluster, or of an image that is none's, say what VM there is, or may be: what is not seen keeps its
// address.
func (b *builder) note(ctx context.Context, what record.Builder) error {
	if b.Spec.Kind == record.KindImage {
		return b.noteBuilder(ctx, what.VM)
	}
	if !b.record.current().Found {
		return nil
	}
	return b.record.update(ctx, func(c *record.Cluster) { c.Builder = what })
}

// run makes the VM and has it run until it is off, built.
func (b *builder) run(ctx context.Context) error {
	if err := b.note(ctx, record.Builder{Name: b.owner()}); err != nil {
		return err
	}
	if err := b.claim(ctx); err != nil {
		return err
	}
	request, err := b.request()
	if err != nil {
		return err
	}
	b.say(ctx, "clones its VM")
	if err := b.clone(ctx, request); err != nil {
		return err
	}
	if err := b.note(ctx, record.Builder{Name: b.owner(), VM: b.vm}); err != nil {
		return err
	}
	seen, err := b.changes.taskOn(ctx, []string{b.vm}, func(ctx context.Context) (string, error) { return b.vc.PowerOn(ctx, b.vm) },
		&model.TaskState{})
	if err != nil {
		return err
	}
	if err := newBuildWatch(b.vm, b.asked.Template, b.Spec.DHCP(), b.Timing).await(ctx, b.changes.watch, seen); err != nil {
		return err
	}
	// Its guest has ended, or ends now.
	err = b.changes.task(ctx, func(ctx context.Context) (string, error) { return b.vc.PowerOff(ctx, b.vm) })
	b.say(ctx, "its VM is built, and off")
	return err
}

// owner is whose the address of the VM is.
func (b *builder) owner() string { return b.asked.Template }

func (b *builder) claim(ctx context.Context) (err error) {
	if !b.Spec.DHCP() {
		pool := plan.BuilderPlacement(b.Spec).IPPoolID
		addr, err := b.addresses.claim(ctx, pool, b.owner())
		if err != nil {
			return err
		}
		b.addresses.note(model.Claim{IPPool: pool, Address: addr, Owner: b.owner()})
		b.address = netip.PrefixFrom(addr, b.World.IPPools[pool].Prefix.Bits())
	}
	b.mac, err = b.macs.choose(b.address.Addr(), b.uuid(), b.place.Network)
	return err
}

func (b *builder) uuid() uuid.UUID { return model.NodeUUID(b.Spec.ID, b.image.Template) }

func (b *builder) request() (model.CloneRequest, error) {
	place := plan.BuilderPlacement(b.Spec)
	doc := plan.BuilderDocument(b.Spec, b.image.Build, b.World.Limits.IPPools[place.IPPoolID])
	doc.InstanceID = b.uuid().String()
	doc.MAC = b.mac
	doc.Address = b.address
	documents, err := bootstrap.BuilderGuestInfo(doc)
	if err != nil {
		return model.CloneRequest{}, err
	}
	marker := model.Marker{
		SchemaVersion:    model.MarkerSchema,
		Cluster:          b.Spec.ID,
		Incarnation:      b.record.current().Incarnation,
		Node:             b.owner(),
		Role:             model.RoleBuilder,
		NodePool:         model.BuilderPool,
		Address:          b.address,
		Template:         b.image.Build.Base.Template,
		TemplateRef:      b.base.Ref,
		CloneMode:        model.CloneFull,
		ComputeCluster:   b.place.ComputeClusterName,
		Datastore:        place.Datastore,
		DatastoreCluster: place.DatastoreCluster,
		StoragePolicy:    place.StoragePolicy,
		Network:          place.Network,
		ResourcePool:     place.ResourcePool,
		References:       b.place.References(),
		CPU:              b.image.Build.CPU,
		MemoryGB:         b.image.Build.MemoryGB,
		DiskGB:           b.base.DiskGB,
	}
	if b.address.IsValid() {
		marker.IPPool = place.IPPoolID
	}
	return model.CloneRequest{
		Name:      b.image.Template,
		UUID:      b.uuid().String(),
		Template:  b.base,
		Folder:    b.folder,
		Placement: b.place,
		MAC:       b.mac,
		CPU:       b.image.Build.CPU,
		MemoryGB:  b.image.Build.MemoryGB,
		DiskGB:    b.base.DiskGB,
		// A linked clone would need its base for ever.
		Mode:      model.CloneFull,
		Marker:    marker,
		GuestInfo: documents,
		Notes:     fmt.Sprintf("Gantry builds a node image in it, for %s.", b.Spec.Describe()),
		Builds:    &b.image,
	}, nil
}

// clone makes the VM. Where its name is taken, a clone of an interrupted run is under way or has
// just ended, or an answer was lost: what comes of that is deleted.
func (b *builder) clone(ctx context.Context, request model.CloneRequest) error {
	var taken time.Time
	for {
		var state model.TaskState
		_, err := b.changes.taskOn(ctx, nil, func(ctx context.Context) (string, error) {
			b.unknown = true
			return b.vc.Clone(ctx, request)
		}, &state)
		if err == nil {
			b.vm = state.VM
			return nil
		}
		// What vCenter has refused, or says has failed, makes no VM.
		b.unknown = b.unknown && (ctx.Err() != nil || model.Transient(err) || errors.Is(err, model.ErrExists))
		if !errors.Is(err, model.ErrExists) {
			return fmt.Errorf("clone %s: %w", request.Template.Path, err)
		}
		under, cerr := clonesUnderWay(ctx, b.VCenter, b.Timing)
		if cerr == nil && len(under) > 0 {
			cerr = b.changes.watch.ended(ctx, under)
			taken = time.Time{}
		}
		if cerr != nil {
			return cerr
		}
		if err := b.makeWay(ctx, &taken, err); err != nil {
			return err
		}
	}
}

// makeWay deletes what has the name and is of an interrupted run. Where nothing is seen that has
// it, it waits for a while.
func (b *builder) makeWay(ctx context.Context, taken *time.Time, cause error) error {
	found, err := b.find(ctx)
	switch {
	case err != nil:
		return err
	case found.Holder != "":
		b.unknown = false
		return fmt.Errorf("%s, which Gantry has not made, has the name of the image: %w", found.Holder, cause)
	case len(found.Begun) > 0:
		return b.clearBuilders(ctx, found)
	}
	if taken.IsZero() {
		*taken = time.Now()
	}
	if time.Since(*taken) > b.Timing.RetryBudget {
		return fmt.Errorf("a VM with the name of the image is being made, as by a run that was interrupted, and for %s nothing has come of it; "+
			"apply again once its task in vCenter has ended: %w", b.Timing.RetryBudget, cause)
	}
	return sleep(ctx, b.Timing.MaxTick)
}

// undo deletes the VM of a build that has failed, also when the run has been stopped. What it
// cannot delete the next run does.
func (b *builder) undo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if b.check(ctx) != nil {
		return nil // another run has it
	}
	if b.vm != "" {
		err := b.destroyVM(ctx, model.Machine{Ref: b.vm, Path: b.image.Template})
		if err == nil {
			err = b.changes.watch.gone(ctx, b.vm)
		}
		if err != nil && !errors.Is(err, model.ErrGone) {
			return fmt.Errorf("the VM in which the image was built is left, and deleted by the next apply: %w", err)
		}
	}
	found, err := b.find(ctx)
	if err != nil || len(found.Begun) > 0 || b.vm == "" && b.unknown {
		return nil // the next run waits for clones and looks again, before it gives the address back
	}
	return b.release(ctx)
}

// release gives the address of the VM back, which has none any more.
func (b *builder) release(ctx context.Context) error {
	if !b.Spec.DHCP() {
		if err := b.addresses.releaseNode(ctx, b.owner(), uuid.Nil, b.image.Template); err != nil {
			return err
		}
	}
	return b.note(ctx, record.Builder{})
}

// deleteBuilder deletes a VM in which a run that was interrupted has built an image.
func (r *Runner) deleteBuilder(ctx context.Context, s model.DeleteBuilder) error {
	if err := r.destroyVM(ctx, s.Machine); err != nil && !errors.Is(err, model.ErrGone) {
		return err
	}
	if err := r.changes.watch.gone(ctx, s.Machine.Ref); err != nil {
		return fmt.Errorf("wait until the VM is gone: %w", err)
	}
	name := s.Machine.Marker.Node
	if !r.Spec.DHCP() {
		if err := r.addresses.releaseNode(ctx, name, uuid.Nil, s.Machine.Path); err != nil {
			return err
		}
	}
	if r.record.current().Builder.Name != name {
		return nil
	}
	return r.record.update(ctx, func(c *record.Cluster) { c.Builder = record.Builder{} })
}
