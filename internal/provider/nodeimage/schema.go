package nodeimage

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/kubernetesschema"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// needsNothing ends the description of what only matters while the image is built.
const needsNothing = " It changes in place, and builds nothing anew."

func newSchema(ctx context.Context) schema.Schema {
	name := attribute.NameInside("Name of the image, by which Gantry's record of it and messages call it",
		" The template is named by what it is built of. The name changes in place, and touches the template not at all.")
	return schema.Schema{
		MarkdownDescription: "A node image that Gantry builds of a template or of an OVA, once in a datacenter, for all clusters that name it: " +
			"`image = { template = gantry_node_image.example.template }`. It is built as the image of a cluster with `build` is, and is the " +
			"same one: what is there of the same base and build is taken, and of two runs at once one builds it.\n\n" +
			"A change of `base`, of `build` or of the datacenter is another image, and replaces the resource. Set " +
			"`lifecycle { create_before_destroy = true }`: the new image is built, clusters change to it, and the old one is deleted " +
			"then. Everything else changes in place.\n\n" +
			"An image is not destroyed while a VM uses it, of whichever cluster: one that was cloned from it, or whose disk is a link of " +
			"its disk. Nor is it while it is not known whether a VM does, as the account of the provider cannot read it or its host is " +
			"disconnected, and where the template was converted to a VM. An image that other resources hold, too, is left to them. " +
			"What an OVA was imported as stays, for other images of it, and so does `image_folder`.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Identifier of the image: the instance UUID of the template, whatever that is called or wherever it is moved.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"template": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "Inventory path of the template that was built, for `image.template` of clusters and gateways. It follows " +
					"the template where that is renamed or moved, which rolls nothing.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"name":      name,
			"base":      baseAttribute(),
			"build":     buildAttribute(),
			"placement": placementAttribute(),
			"network":   networkAttribute(),
			"ip_pool_id": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Id of the IP pool that the VM has an address of while the image is built. Required with " +
					"`ip_allocation = \"static\"`, and not allowed with `dhcp`." + needsNothing,
				Validators: []validator.String{attribute.IDOf("gantry_ip_pool")},
			},
			"proxy": proxyAttribute(),
			"image_folder": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Path of the VM folder below the datacenter's, or its inventory path, in which the image is built, and into " +
					"which an OVA is imported. It is made where it is missing, and stays. Defaults to the datacenter's own VM folder. " +
					"It changes in place, for images that are built from then on.",
				Validators: []validator.String{nodeschema.FolderPath()},
			},
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create:            true,
				Update:            true,
				Delete:            true,
				CreateDescription: "How long a creation may take, such as `90m`. Defaults to 60 minutes.",
				UpdateDescription: "How long an update may take. Defaults to 60 minutes.",
				DeleteDescription: "How long a destruction may take. Defaults to 30 minutes.",
			}),
		},
	}
}

func networkAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "Address of the VM in which the image is built." + needsNothing,
		Attributes: map[string]schema.Attribute{
			"ip_allocation": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "How it gets one: `static`, from `ip_pool_id`, while the image is built, or `dhcp`, a lease.",
				Validators: []validator.String{
					stringvalidator.OneOf(string(enginemodel.AllocationStatic), string(enginemodel.AllocationDHCP)),
				},
			},
		},
	}
}

func baseAttribute() schema.SingleNestedAttribute {
	base := nodeschema.Image("")
	base.MarkdownDescription = "What the image is built of: a template that is there, by `template`, or an OVA that Gantry imports, by " +
		"`ova_url` and `sha256`. Another one replaces the image; the same one from another place, or by another name, does not. " +
		"Where the template has changed since, the image stays as it was built: `-replace` builds it anew."
	delete(base.Attributes, "content_library")
	template := base.Attributes["template"].(schema.StringAttribute)
	template.MarkdownDescription = "Name or inventory path of a VM template, or of a powered-off VM, with one disk, and Linux with " +
		"cloud-init and open-vm-tools. Defaults to none: then `ova_url` is set."
	base.Attributes["template"] = template
	url := base.Attributes["ova_url"].(schema.StringAttribute)
	url.MarkdownDescription = "URL of an OVA of such a VM, of the scheme `https` or `http`, without a user and a password; it may be " +
		"presigned. Or its path on the machine that runs Terraform. It is imported once in each datacenter, on the datastore of `placement`, " +
		"into `image_folder`, and stays for other images. Defaults to none: then `template` is set."
	base.Attributes["ova_url"] = url
	return base
}

func buildAttribute() schema.SingleNestedAttribute {
	build := kubernetesschema.ImageBuild()
	build.Optional = false
	build.Required = true
	build.MarkdownDescription = "What is done to `base`, in a VM on `placement` that is cleaned after that and becomes the template. A " +
		"change of scripts, files or of the version that is installed is another image, and replaces this one. All of it has to fit into " +
		"64 KiB, compressed and encoded. The guide [Node image](../guides/node-image.md#an-image-that-gantry-builds) has more."
	return build
}

func placementAttribute() schema.SingleNestedAttribute {
	attributes := nodeschema.PlacementAttributes()
	delete(attributes, "host_group")
	delete(attributes, "vm_group")
	for name, doc := range map[string]string{
		"datastore": "Name or inventory path of a datastore that the hosts of the compute cluster mount, which has the disk of the template. " +
			"Exactly one of `datastore`, `datastore_cluster` and `storage_policy` is required." + needsNothing,
		"datastore_cluster": "Name or inventory path of a datastore cluster, of which the template is on the datastore that Storage DRS " +
			"recommends or, where that is off, on the one with the most free space." + needsNothing,
		"storage_policy": "Name of a VM storage policy, which the template gets. It is on the compatible datastore with the most free space. " +
			"The account of the provider needs the privilege `StorageProfile.View` on the root object." + needsNothing,
	} {
		a := attributes[name].(schema.StringAttribute)
		a.MarkdownDescription = doc
		attributes[name] = a
	}
	attributes["datacenter"] = nodeschema.Datacenter("image")
	return schema.SingleNestedAttribute{
		Required: true,
		MarkdownDescription: "Where the image is built, and stays. Only another datacenter replaces it: what else changes is for images that " +
			"are built from then on.",
		Attributes: attributes,
		Validators: []validator.Object{nodeschema.StoragePlaced{}},
	}
}

func proxyAttribute() schema.SingleNestedAttribute {
	proxy := nodeschema.Proxy()
	proxy.MarkdownDescription = "HTTP proxy of the VM in which the image is built: the package manager uses it, and scripts see its " +
		"variables. It is not in the image. `http` and `https` are set together. Defaults to none." + needsNothing
	none := proxy.Attributes["no_proxy"].(schema.StringAttribute)
	none.MarkdownDescription = "Names, domains (`.example.com`), addresses and networks that are reached directly, with commas and " +
		"nothing else between them. It needs `http` and `https`. Defaults to none."
	proxy.Attributes["no_proxy"] = none
	return proxy
}
