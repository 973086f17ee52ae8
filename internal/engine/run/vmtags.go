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
	vms := slices.DeleteFunc(survey.Machines, func(m model.Machine) bool { return m.Marker.Builder() })
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
	return r.record.update(ctx, func(b *record.Cluster) { r.forgetVMTags(b, vms, wanted) })
}

// forgetVMTags drops from a record the tags that are asked for no more. While a VM is hidden
// that may have them from Gantry they stay: what other VMs have of them by then is not Gantry's.
func (r *Runner) forgetVMTags(b *record.Cluster, vms []model.Machine, wanted []uuid.UUID) {
	hidden := plan.HiddenVMs(r.record.namesIn(b), b.Counters, &r.World.Facts)
	b.VMTags = slices.DeleteFunc(b.VMTags, func(t record.VMTag) bool {
		return len(hidden) == 0 && !slices.Contains(wanted, t.ID)
	})
	for i, tag := range b.VMTags {
		if slices.Contains(wanted, tag.ID) {
			continue
		}
		for _, m := range vms {
			b.VMTags[i].Others = withOrdinal(b.VMTags[i].Others, m.Marker)
		}
	}
}

// noteVMTags adds the tags of the spec to a record, each with the VMs that have it already and
// those that are hidden and may have it. Of the VMs of a tag it drops those that lack it by now,
// which have it from Gantry next, and those that are gone; of a hidden one nothing is known.
func (r *Runner) noteVMTags(b *record.Cluster, vms []model.Machine, on map[string][]uuid.UUID) {
	of := r.record.namesIn(b)
	for _, tag := range r.Spec.VMTags {
		i := slices.IndexFunc(b.VMTags, func(t record.VMTag) bool { return t.ID == tag.ID })
		if i >= 0 {
			b.VMTags[i].Spelling = tag.Spelling()
			continue
		}
		var others map[string][]int
		for _, m := range plan.HiddenVMs(of, b.Counters, &r.World.Facts) {
			others = withOrdinal(others, m)
		}
		for _, m := range vms {
			if slices.Contains(on[m.Ref], tag.ID) {
				others = withOrdinal(others, m.Marker)
			}
		}
		b.VMTags = append(b.VMTags, record.VMTag{ID: tag.ID, Spelling: tag.Spelling(), Others: others})
	}
	for _, m := range vms {
		for _, tag := range r.Spec.VMTags {
			if !slices.Contains(on[m.Ref], tag.ID) {
				notOthers(b, tag.ID, m.Marker.Node, of)
			}
		}
	}
	for _, m := range r.World.Facts.Gone {
		notOthers(b, uuid.Nil, m.Node, of)
	}
}

// notOthers drops the VM of a node from those that have a tag from others, or any tag where
// none is named.
func notOthers(b *record.Cluster, id uuid.UUID, node string, of model.NodeNames) {
	for _, tag := range b.VMTags {
		if id != uuid.Nil && tag.ID != id {
			continue
		}
		removeNodes(tag.Others, of, func(name string) bool { return name == node })
	}
}

// builtVM records that a VM is built next: the one before it that had its name is gone, and
// what this one has of tags, it has from Gantry.
func (w *recordWriter) builtVM(ctx context.Context, node string) error {
	if !slices.ContainsFunc(w.current().VMTags, func(t record.VMTag) bool { return len(t.Others) > 0 }) {
		return nil
	}
	return w.update(ctx, func(b *record.Cluster) { notOthers(b, uuid.Nil, node, w.namesIn(b)) })
}

// givenVMTags are the tags of the spec for the record of a running cluster whose record was
// lost: what its VMs have of them counts as Gantry's.
func (r *Runner) givenVMTags() []record.VMTag {
	var given []record.VMTag
	for _, tag := range r.Spec.VMTags {
		if tag.ID != uuid.Nil && !slices.ContainsFunc(given, func(t record.VMTag) bool { return t.ID == tag.ID }) {
			given = append(given, record.VMTag{ID: tag.ID, Spelling: tag.Spelling()})
		}
	}
	return given
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
