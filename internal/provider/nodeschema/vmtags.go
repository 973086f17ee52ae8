package nodeschema

import (
	"context"
	"regexp"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// maxVMTags is how many tags there is room for in a record.
const maxVMTags = 10

// vmTagName is what may mean a tag: the names of category and tag, or its id.
var vmTagName = regexp.MustCompile(`^(urn:vmomi:InventoryServiceTag:[0-9a-fA-F-]{36}:[^:/]+|[^/].*/.*[^/])$`)

// VMTags is the attribute vm_tags.
func VMTags(kind string) schema.SetAttribute {
	return schema.SetAttribute{
		Optional:    true,
		ElementType: types.StringType,
		MarkdownDescription: "Tags of vSphere that all VMs of the " + kind + " get, at most 10: each by the names of category and tag with a " +
			"slash between them, such as `backup/daily`, or by its id (`urn:vmomi:InventoryServiceTag:…`). They must exist; names are " +
			"case-sensitive. " +
			"They are put on the VMs in place with the identity that builds the " + kind + ", and again where a user has removed them; " +
			"other tags of the VMs stay as they are. A tag that is taken out of the list is taken from the VMs that have it from Gantry. " +
			"Defaults to none.",
		Validators: []validator.Set{
			attribute.NoNulls{},
			setvalidator.SizeBetween(1, maxVMTags),
			setvalidator.ValueStringsAre(
				stringvalidator.UTF8LengthAtMost(513), // two names of 256 characters
				stringvalidator.RegexMatches(vmTagName, "must be the names of category and tag with a slash between them, or the id of a tag"),
			),
		},
	}
}

// decodeVMTags returns the tags, sorted by name.
func decodeVMTags(ctx context.Context, set types.Set) ([]model.VMTag, diag.Diagnostics) {
	if set.IsNull() {
		return nil, nil
	}
	var names []string
	diags := set.ElementsAs(ctx, &names, false)
	slices.Sort(names)
	var tags []model.VMTag
	for _, name := range names {
		tags = append(tags, model.VMTag{Name: name})
	}
	return tags, diags
}
