package templatefacts

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	given := []validator.String{stringvalidator.LengthAtLeast(1)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "What vCenter knows of a template for nodes, and what of it will not work: the problems for which a plan of a " +
			"cluster is refused, and what it warns of. What is inside of the template's disk, vCenter does not know: " +
			"the guide \"Node images\" says what has to be there. It is read in two calls.",
		Attributes: map[string]schema.Attribute{
			"datacenter": schema.StringAttribute{
				Required: true, Validators: given,
				MarkdownDescription: "Name or inventory path of the datacenter. One that does not exist is an error.",
			},
			"template": schema.StringAttribute{
				Required: true, Validators: given,
				MarkdownDescription: "Name or inventory path of the template, or of a VM that is powered off, as `image` of a cluster takes it. " +
					"One that does not exist, a name that several have, and a VM that is in use are errors.",
			},
			"image_folder": schema.StringAttribute{
				Optional: true, Validators: given,
				MarkdownDescription: "Folder below which the template is looked for, by name or path; the whole datacenter by default.",
			},

			"path":        text("Inventory path."),
			"is_template": flag("Whether it is a template; a VM that is powered off otherwise."),
			"snapshot":    flag("Whether it has a snapshot, without which there are no linked clones of it."),
			"kubernetes_version": text("Version of Kubernetes that its name holds, such as `1.37.2` of `ubuntu-2404-kube-v1.37.2`; null where it " +
				"holds none."),
			"guest_id":         text("Guest operating system by vSphere's id, such as `ubuntu64Guest`."),
			"guest_name":       text("Guest operating system in words."),
			"firmware":         text("`bios` or `efi`. Nodes have the same."),
			"secure_boot":      flag("Whether EFI starts signed code alone."),
			"hardware_version": number("Virtual hardware version, such as 19; 0 where vCenter does not say. Nodes keep it."),
			"cpu":              number("Number of virtual CPUs, which nodes have their own of."),
			"memory_mb":        number("Memory in MB of 1,048,576 bytes, which nodes have their own of."),
			"tools": text("What vCenter says of VMware Tools, such as `guestToolsUnmanaged` for open-vm-tools. Of what never ran, " +
				"as an OVA that was imported, it says `guestToolsNotInstalled` whatever is in it."),
			"disks": list("Disks. Nodes have the one that they boot from, and a template with several is refused.", map[string]schema.Attribute{
				"label":     text("Name of the disk in the vSphere Client."),
				"size_gb":   number("Size in GB of 1,073,741,824 bytes, rounded up. A node's disk is not smaller."),
				"thin":      flag("Whether it takes the space alone that was written to."),
				"datastore": text("Name of its datastore; empty where it may not be read."),
			}),
			"network_adapters": list("Network adapters. Nodes have one of their own instead of these.", map[string]schema.Attribute{
				"label":   text("Name of the adapter in the vSphere Client."),
				"type":    text("Type, such as `VirtualVmxnet3`."),
				"network": text("Name of its network; empty where it may not be read."),
			}),
			"problems": sentences("What keeps nodes from being cloned from it, with what to do."),
			"warnings": sentences("What nodes that are cloned from it will not do, with what to do."),
		},
	}
}

func text(doc string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
}

func number(doc string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: doc}
}

func flag(doc string) schema.BoolAttribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: doc}
}

func sentences(doc string) schema.ListAttribute {
	return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: doc}
}

func list(doc string, attributes map[string]schema.Attribute) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		Computed: true, MarkdownDescription: doc, NestedObject: schema.NestedAttributeObject{Attributes: attributes},
	}
}
