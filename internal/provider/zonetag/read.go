package zonetag

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// maxAge is how old a read may be that the zone tags of a refresh and plan share.
func maxAge() time.Duration { return enginemodel.DefaultTiming().ReadMaxAge }

// Read implements resource.Resource. The object is found by the id, whatever it is called by
// now. What cannot be seen, object or tag, is not gone.
func (r *tagResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	r.conn.MarkPlanning()
	var m model
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	own, known, diags := readHeld(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	found, err := r.look(ctx, &m, own)
	switch {
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromRefresh(m.subject(), err))
		return
	case found.gone:
		resp.State.RemoveResource(ctx)
		return
	case found.unseen != "":
		resp.Diagnostics.Append(diag.NewWarningDiagnostic("Unable to see "+m.subject(),
			found.unseen+" What cannot be seen is not treated as deleted."))
		return
	}
	if found.tag == nil {
		// The tag that the resource has made is there and on nothing: it is put back, or goes
		// with the resource.
		m.Value = types.StringNull()
		resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
		return
	}
	if !known {
		if own, err = imported(found.vcenter, found.object, *found.tag); err != nil {
			resp.Diagnostics.Append(diagnostics.FromRefresh(m.subject(), err))
			return
		}
	}
	if own.Tag != found.tag.ID {
		own.Made = found.tag.Maker.ID == found.object.ID && found.tag.Maker.Incarnation.Is(own.Incarnation)
		own.Attached = found.tag.Maker != vsphere.ZoneTagMaker{}
	}
	own.VCenter, own.Object, own.Tag = found.vcenter, found.object.Ref, found.tag.ID
	resp.Diagnostics.Append(own.write(ctx, resp.Private)...)
	m.Value = types.StringValue(found.tag.Value)
	m.TagID = types.StringValue(found.tag.ID)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// found is what a refresh found.
type found struct {
	vcenter string // instance UUID
	object  vsphere.ZoneObject
	tag     *vsphere.ZoneTag // nil: the resource's own tag is not on the object
	gone    bool
	unseen  string // why nothing is known, as a sentence
}

// look finds the object of a state, and its tag.
func (r *tagResource) look(ctx context.Context, m *model, own held) (found, error) {
	var f found
	vcenter, err := r.conn.VCenter(ctx)
	if err != nil {
		return f, err
	}
	if f.vcenter, err = vcenter.InstanceUUID(ctx); err != nil {
		return f, err
	}
	id, err := uuid.Parse(m.ID.ValueString())
	if err != nil {
		return f, err
	}
	r.conn.MarkSeen(id)
	var seen bool
	if f.object, seen, err = vcenter.ZoneObjectByID(ctx, id, maxAge()); err != nil {
		return f, err
	}
	if !seen {
		return f, f.missing(ctx, vcenter, m, own)
	}
	tags, err := vcenter.ZoneTagsOn(ctx, f.object, maxAge())
	if err != nil {
		return f, err
	}
	if m.Value.IsNull() && m.TagID.IsNull() {
		return f, f.pickImported(tags)
	}
	f.tag = own.pick(m, f.object, tags)
	if f.tag == nil {
		return f, f.detached(ctx, vcenter, m, own)
	}
	return f, nil
}

// missing judges an object that is not seen.
func (f *found) missing(ctx context.Context, vcenter *vsphere.Client, m *model, own held) error {
	if err := sameVCenter(ctx, vcenter, own); err != nil {
		return err
	}
	if own.Object != "" {
		var err error
		f.gone, err = vcenter.Gone(ctx, own.Object)
		if err != nil || f.gone && m.TagID.IsNull() {
			return err
		}
		if f.gone { // The tag outlives it: the resource's own goes with the resource.
			if f.object, err = vcenter.ZoneObjectOf(own.Object); err != nil {
				return err
			}
			f.gone = false
			return f.detached(ctx, vcenter, m, own)
		}
	}
	f.unseen = "The object that has the tag is not seen in vCenter: it may be hidden from the account. Grant the account read access."
	return nil
}

// pickImported takes the one tag that an object has. One without a tag is nothing to import.
func (f *found) pickImported(tags []vsphere.ZoneTag) error {
	switch len(tags) {
	case 0:
		f.gone = true
	case 1:
		f.tag = &tags[0]
	default:
		values := make([]string, len(tags))
		for i, tag := range tags {
			values[i] = tag.Value
		}
		return fmt.Errorf("%s has %d tags of category %s: %s. Have all but one taken off", f.object.Path, len(tags), f.object.Category,
			enginemodel.Listed(values))
	}
	return nil
}

// pick returns that of an object's tags which is the resource's: the one of its state, by
// whatever name; one that it has made, where an update was killed; or another one of the same
// value. An administrator's tag of another value is not the resource's.
func (h held) pick(m *model, object vsphere.ZoneObject, tags []vsphere.ZoneTag) *vsphere.ZoneTag {
	for _, is := range []func(vsphere.ZoneTag) bool{
		func(t vsphere.ZoneTag) bool { return t.ID == m.TagID.ValueString() },
		func(t vsphere.ZoneTag) bool { return t.Maker.ID == object.ID && t.Maker.Incarnation.Is(h.Incarnation) },
		func(t vsphere.ZoneTag) bool { return t.Value == m.Value.ValueString() },
	} {
		for i := range tags {
			if is(tags[i]) {
				return &tags[i]
			}
		}
	}
	return nil
}

// detached judges a tag that is not among those of the object. The tagging service leaves out
// of lists what the account may not read; only of a tag that can be read, or is known to be
// gone, does that say that it was taken off.
func (f *found) detached(ctx context.Context, vcenter *vsphere.Client, m *model, own held) error {
	if m.TagID.IsNull() {
		f.unseen = "It is not known which tag its creation has made, which has failed. The next apply makes it again."
		return nil
	}
	for _, id := range []string{m.TagID.ValueString(), own.Next} {
		if id == "" {
			continue
		}
		tag, err := vcenter.ZoneTag(ctx, id)
		switch {
		case errors.Is(err, enginemodel.ErrPermission):
			f.unseen = diagnostics.Sentence(err.Error()) + " The provider's user needs System.Read as a global permission to see tags."
			return nil
		case errors.Is(err, enginemodel.ErrGone):
			continue
		case err != nil:
			return err
		}
		if own.Made && own.Tag == tag.ID || tag.Maker.ID == f.object.ID && tag.Maker.Incarnation.Is(own.Incarnation) {
			return nil
		}
	}
	f.gone = true
	return nil
}
