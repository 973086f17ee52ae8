package privilegetable

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/privileges"
)

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The privileges of a user in vCenter, beside those that building clusters needs: " +
			"the table of the guide on privileges, with what is granted and what is missing. The provider's own user asks for them, " +
			"so that no password of the user is needed.",
		Attributes: map[string]schema.Attribute{
			"username": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "User whose privileges are read, with the domain, such as `team-a@vsphere.local`. " +
					"Defaults to the provider's own user.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"version": schema.StringAttribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Version of vSphere whose table is shown, `6.7`, `7.0` or `8.0`. Defaults to that of vCenter, " +
					"or to the newest of them.",
				Validators: []validator.String{stringvalidator.OneOf(privileges.Versions()...)},
			},
			"on": onAttribute(),
			"privileges": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The table, by role and then as the vSphere Client orders it.",
				NestedObject:        schema.NestedAttributeObject{Attributes: rowAttributes()},
			},
			"missing": schema.ListAttribute{
				Computed: true, ElementType: types.StringType,
				MarkdownDescription: "Ids of the privileges that are missing on an object that shows it, of those that Gantry or the CSI driver use.",
			},
		},
	}
}

func onAttribute() schema.SingleNestedAttribute {
	name := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{
			Required: true, MarkdownDescription: doc, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		}
	}
	optional := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{
			Optional: true, MarkdownDescription: doc, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
		}
	}
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Objects of a cluster on which the cluster's role is judged, as `gantry_vmware_cluster` names them. " +
			"Without it, the root role alone is judged.",
		Attributes: map[string]schema.Attribute{
			"datacenter":      name("Datacenter."),
			"compute_cluster": name("Compute cluster."),
			"datastore":       name("Datastore."),
			"network":         name("Network."),
			"template":        name("Node image, a template or VM."),
			"resource_pool":   optional("Resource pool. Defaults to that of the compute cluster."),
			"folder": optional("VM folder. Defaults to the datacenter's own. Of one that does not exist yet, the innermost folder of its " +
				"path that does exist is judged."),
			"image_folder": optional("Folder in which the node image is looked up. Defaults to the whole datacenter."),
		},
	}
}

func rowAttributes() map[string]schema.Attribute {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	truth := func(doc string) schema.BoolAttribute {
		return schema.BoolAttribute{Computed: true, MarkdownDescription: doc}
	}
	list := func(doc string) schema.ListAttribute {
		return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: doc}
	}
	return map[string]schema.Attribute{
		"role":       text("Role that has it: `root` or `cluster` of a cloud account, or `ledger` of the provider's own user."),
		"group":      text("Group of the vSphere Client that it is in."),
		"name":       text("Name in the vSphere Client."),
		"id":         text("Id in vCenter's API, which `govc role.create` takes."),
		"propagates": truth("Whether the role is granted on what is below an object, too."),
		"optional":   truth("Whether it is no part of the role, and granted only where `used_for` applies."),
		"used_by":    list("What uses it: `Gantry`, `CSI`, or both; empty where neither does."),
		"used_for":   list("Operations that it is used for."),
		"granted": truth("Whether the user has it on each object that shows it; null where that is not known, as of the role `ledger`, " +
			"which is a global permission."),
		"missing_on": list("Objects on which the user lacks it, such as `datastore shared-1`."),
	}
}
