package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// readVMTags reads what the tags of a spec mean, and which VMs have them, and those of the
// record. It asks as the provider, which sees tags: the cloud account may not.
func (o Observer) readVMTags(ctx context.Context, w *World, tags []model.VMTag) error {
	rec := w.Facts.Record
	if len(tags) == 0 && len(rec.VMTags) == 0 {
		return nil
	}
	asked := map[uuid.UUID]bool{}
	known := map[string]uuid.UUID{}
	var names []string
	for _, tag := range tags {
		names = append(names, tag.Name)
		if id := model.RecordedVMTag(rec, tag); id != uuid.Nil {
			known[tag.Name] = id
		}
	}
	if len(names) > 0 {
		found, err := o.VCenter.FindVMTags(ctx, names, known)
		if err != nil {
			return fmt.Errorf("find the tags of VMs: %w", err)
		}
		w.Limits.VMTags.Found = found
	}
	for _, tag := range w.Limits.VMTags.Found {
		asked[tag.ID] = true
	}
	for _, tag := range rec.VMTags {
		asked[tag.ID] = true
	}
	return o.readAttached(ctx, w, asked)
}

func (o Observer) readAttached(ctx context.Context, w *World, asked map[uuid.UUID]bool) error {
	var refs []string
	for _, m := range w.Facts.VMs() {
		refs = append(refs, m.Ref)
	}
	if len(refs) == 0 {
		return nil
	}
	on, err := o.VCenter.VMTags(ctx, refs)
	if errors.Is(err, model.ErrPermission) {
		return nil // what is not known is not missing
	}
	if err != nil {
		return fmt.Errorf("read the tags of VMs: %w", err)
	}
	w.Limits.VMTags.On = on
	w.Facts.VMTagsRead = true
	keep := func(m *model.Machine) {
		m.VMTags = slices.DeleteFunc(slices.Clone(on[m.Ref]), func(id uuid.UUID) bool { return !asked[id] })
	}
	for i := range w.Facts.Machines {
		keep(&w.Facts.Machines[i])
	}
	if w.Facts.LoadBalancer != nil {
		keep(w.Facts.LoadBalancer)
	}
	return nil
}
