package zonetag

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// model is the values of gantry_zone_tag.
type model struct {
	ID             types.String `tfsdk:"id"`
	Datacenter     types.String `tfsdk:"datacenter"`
	ComputeCluster types.String `tfsdk:"compute_cluster"`
	Value          types.String `tfsdk:"value"`
	TagID          types.String `tfsdk:"tag_id"`
}

// subject names the zone tag in messages.
func (m *model) subject() string {
	if m.ComputeCluster.ValueString() == "" {
		return fmt.Sprintf("the region of datacenter %q", m.Datacenter.ValueString())
	}
	return fmt.Sprintf("the zone of compute cluster %q", m.ComputeCluster.ValueString())
}

// namesKnown reports whether it is known which object is meant.
func (m *model) namesKnown() bool { return !m.Datacenter.IsUnknown() && !m.ComputeCluster.IsUnknown() }

// sameNames reports whether two models name their object alike.
func (m *model) sameNames(other *model) bool {
	return m.Datacenter.Equal(other.Datacenter) && m.ComputeCluster.Equal(other.ComputeCluster)
}

// held is what private state keeps of a zone tag. Where it is lost, as after an import, the
// description of the tag says who made it.
type held struct {
	VCenter string `json:"vcenter"` // instance UUID
	Object  string `json:"object"`  // reference
	Tag     string `json:"tag"`
	// Next is the tag that a change has made which did not come to its end: it may have taken
	// Tag off before.
	Next        string             `json:"next,omitempty"`
	Made        bool               `json:"made,omitempty"`
	Attached    bool               `json:"attached,omitempty"`
	Incarnation record.Incarnation `json:"incarnation,omitempty"`
}

// heldKey is where private state keeps it.
const heldKey = "zone_tag"

// readHeld returns what private state keeps; false where it keeps nothing.
func readHeld(ctx context.Context, private crud.PrivateReader) (held, bool, diag.Diagnostics) {
	var h held
	known, diags := crud.ReadPrivate(ctx, private, heldKey, &h, "What the zone tag has made", "Restore an earlier version of the state")
	return h, known, diags
}

func (h held) write(ctx context.Context, private crud.PrivateWriter) diag.Diagnostics {
	return crud.WritePrivate(ctx, private, heldKey, h)
}

// former is the tag that a state holds.
func (h held) former(m *model) vsphere.HeldZoneTag {
	tag := vsphere.HeldZoneTag{ID: m.TagID.ValueString(), Attached: h.Attached}
	tag.Made = h.Made && h.Tag == tag.ID
	return tag
}

// imported is what is held of a tag that a state has and private state says nothing of: who
// imports a tag has it taken off with the resource. One that was not made for the object
// gets an incarnation of its own: without one, any that was would be taken for the state's.
func imported(vcenter string, o vsphere.ZoneObject, tag vsphere.ZoneTag) (held, error) {
	h := held{VCenter: vcenter, Object: o.Ref, Tag: tag.ID, Attached: true, Made: tag.Maker.ID == o.ID}
	if h.Made {
		h.Incarnation = tag.Maker.Incarnation
		return h, nil
	}
	var err error
	h.Incarnation, err = record.NewIncarnation(rand.Reader)
	return h, err
}

// zoneValue validates what becomes a node label.
type zoneValue struct{}

// Description implements validator.String.
func (zoneValue) Description(context.Context) string { return "must be a node label" }

// MarkdownDescription implements validator.String.
func (v zoneValue) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (zoneValue) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if reason := vsphere.InvalidZoneValue(req.ConfigValue.ValueString()); reason != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid zone tag", "The value cannot be a node label: "+reason+".")
	}
}

// parseImportID reads datacenter, datacenter/compute-cluster, or the inventory path of
// either.
func parseImportID(id string) (datacenter, computeCluster types.String, ok bool) {
	text := strings.Trim(id, "/")
	if text == "" {
		return types.StringNull(), types.StringNull(), false
	}
	if !strings.HasPrefix(id, "/") {
		dc, cluster, both := strings.Cut(text, "/")
		if !both {
			return types.StringValue(dc), types.StringNull(), dc != ""
		}
		return types.StringValue(dc), types.StringValue(cluster), dc != "" && cluster != ""
	}
	if dc, _, below := strings.Cut(id, "/host/"); below {
		return types.StringValue(dc), types.StringValue(id), dc != ""
	}
	return types.StringValue(id), types.StringNull(), true
}

// The attributes that errors stand on.
var (
	atDatacenter     = path.Root("datacenter")
	atComputeCluster = path.Root("compute_cluster")
	atValue          = path.Root("value")
)
