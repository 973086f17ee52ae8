package nodeschema

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// contentLibrary is the item of a content library that an image is made of.
func contentLibrary() schema.SingleNestedAttribute {
	notEmpty := []validator.String{stringvalidator.LengthAtLeast(1)}
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Item of a content library of vCenter, with such a VM: an OVF or OVA template, or a VM template. vCenter deploys " +
			"it once in each datacenter, on the datastore of the control plane, into `image_folder`, as a template that later clusters use, too. " +
			"Defaults to none: then `template` or `ova_url` is set.",
		Attributes: map[string]schema.Attribute{
			"library": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the content library, local or subscribed. No other library may have it.",
				Validators:          notEmpty,
			},
			"item": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Name of the item. No other item of the library may have it. The content of an item of a subscribed library " +
					"is synchronized first where it is not there.",
				Validators: notEmpty,
			},
			"version": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Version of the item's content, as vCenter counts it, such as `2`. It is the library's present one, or one " +
					"of which a template was made before. Of an item that was deleted and made again under its name, a plan warns, and says what to " +
					"set: the version, `@` and twelve digits that stand for one of the items. A change rolls the nodes. Defaults to the version that " +
					"the nodes were built from, or, where there are none yet, to the library's present one: an item that is updated rolls nothing " +
					"before this is set.",
				Validators: []validator.String{stringvalidator.RegexMatches(
					regexp.MustCompile(model.VersionPattern), "has to be a version, such as 2, or a version, @ and the twelve digits of an item",
				)},
			},
			"accept_eulas": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether the license agreements of the item are accepted; without, an item that has some is refused. " +
					"Defaults to `false`.",
			},
		},
	}
}

// contentLibraryModel is the attribute content_library.
type contentLibraryModel struct {
	Library     string  `tfsdk:"library"`
	Item        string  `tfsdk:"item"`
	Version     *string `tfsdk:"version"`
	AcceptEULAs *bool   `tfsdk:"accept_eulas"`
}

func (c contentLibraryModel) toModel() model.LibraryItem {
	return model.LibraryItem{Library: c.Library, Item: c.Item, Version: OrZero(c.Version), AcceptEULAs: OrZero(c.AcceptEULAs)}
}
