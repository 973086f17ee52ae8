package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// describeVMs changes what VMs say of their cluster, and nothing of the nodes on them.
func (r *Runner) describeVMs(ctx context.Context, step model.Step) error {
	if s, ok := step.(model.UpdateDescription); ok {
		return r.updateDescription(ctx, s)
	}
	return r.updateVMTags(ctx)
}

// updateVMTags gives all VMs of the cluster its tags, and takes from them those that it gave
// them and that are no longer asked for. The record says so first: what a run that died has
// given is its own, and what was there before it is not.
func (r *Runner) updateVMTags(ctx context.Context) error {
	survey, err := r.Reader.Survey(ctx, model.SurveyRequest{Cluster: r.Spec.ID})
	if err != nil {
		return err
	}
	vms := survey.Machines
	on, err := r.Reader.VMTags(ctx, references(vms))
	if err != nil {
		return fmt.Errorf("read the tags of VMs: %w", err)
	}
	if err := r.record.update(ctx, func(b *record.Cluster) { r.noteVMTags(b, vms, on) }); err != nil {
		return err
	}
	rec := r.record.current().Cluster
	wanted, _ := r.Spec.VMTagIDs(r.record.current())
	// An object may be allowed one tag of a category: the old one goes first.
	for _, tag := range rec.VMTags {
		if slices.Contains(wanted, tag.ID) {
			continue
		}
		given := slices.DeleteFunc(slices.Clone(vms), func(m model.Machine) bool {
			return !slices.Contains(on[m.Ref], tag.ID) || !plan.GivenVMTag(tag, m.Marker)
		})
		if err := r.changeVMTag(ctx, tag.ID, given, r.VCenter.DetachVMTag); err != nil {
			return err
		}
	}
	for _, id := range wanted {
		lacking := slices.DeleteFunc(slices.Clone(vms), func(m model.Machine) bool { return slices.Contains(on[m.Ref], id) })
		if err := r.changeVMTag(ctx, id, lacking, r.VCenter.AttachVMTag); err != nil {
			return err
		}
	}
	return r.record.update(ctx, func(b *record.Cluster) {
		b.VMTags = slices.DeleteFunc(b.VMTags, func(t record.VMTag) bool { return !slices.Contains(wanted, t.ID) })
	})
}

// noteVMTags adds the tags of the spec to a record, each with the VMs that have it already.
// VMs that are gone are left out.
func (r *Runner) noteVMTags(b *record.Cluster, vms []model.Machine, on map[string][]uuid.UUID) {
	for _, tag := range r.Spec.VMTags {
		i := slices.IndexFunc(b.VMTags, func(t record.VMTag) bool { return t.ID == tag.ID })
		if i >= 0 {
			b.VMTags[i].Spelling = tag.Spelling()
			continue
		}
		b.VMTags = append(b.VMTags, record.VMTag{ID: tag.ID, Spelling: tag.Spelling(), Others: ordinalsOf(vms, func(m model.Machine) bool {
			return slices.Contains(on[m.Ref], tag.ID)
		})})
	}
	for i, tag := range b.VMTags {
		b.VMTags[i].Others = ordinalsOf(vms, func(m model.Machine) bool { return !plan.GivenVMTag(tag, m.Marker) })
	}
}

// ordinalsOf are the ordinals of those of the VMs of which something is so, by pool.
func ordinalsOf(vms []model.Machine, is func(model.Machine) bool) map[string][]int {
	var byPool map[string][]int
	for _, m := range vms {
		if !is(m) {
			continue
		}
		if byPool == nil {
			byPool = map[string][]int{}
		}
		byPool[m.Marker.NodePool] = append(byPool[m.Marker.NodePool], m.Marker.Ordinal)
	}
	for pool := range byPool {
		slices.Sort(byPool[pool])
		byPool[pool] = slices.Compact(byPool[pool])
	}
	return byPool
}

func references(vms []model.Machine) []string {
	var refs []string
	for _, m := range vms {
		refs = append(refs, m.Ref)
	}
	return refs
}

// changeVMTag makes one call for all of some VMs.
func (r *Runner) changeVMTag(
	ctx context.Context, id uuid.UUID, vms []model.Machine, change func(context.Context, uuid.UUID, []string) error,
) error {
	if len(vms) == 0 {
		return nil
	}
	err := r.changes.call(ctx, func(ctx context.Context) error { return change(ctx, id, references(vms)) })
	if errors.Is(err, model.ErrPermission) {
		return fmt.Errorf("change the tags of VMs: %w; the account that builds the cluster needs vSphere Tagging > Assign or Unassign "+
			"vSphere Tag on the tag or as a global permission, read access to the tag and, since vSphere 7.0, "+
			"Assign or Unassign vSphere Tag on Object on the folder of the VMs", err)
	}
	return err
}
