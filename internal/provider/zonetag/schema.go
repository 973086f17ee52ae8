package zonetag

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

func newSchema() schema.Schema {
	notEmpty := []validator.String{stringvalidator.LengthAtLeast(1)}
	return schema.Schema{
		MarkdownDescription: "The topology tag of a datacenter or a compute cluster in vCenter, from which nodes get their labels " +
			"`topology.kubernetes.io/region` and `topology.kubernetes.io/zone`, and which the cloud provider and the CSI driver read. " +
			"With `compute_cluster` it is the tag of category `k8s-zone` on the compute cluster, without it that of category `k8s-region` " +
			"on the datacenter. Category and tag are made where they are missing; a category is made for one tag an object, and stays " +
			"when the resource is destroyed. A tag is deleted with the resource if the resource made it and nothing else has it; " +
			"one that an administrator made is only taken off, and one that an administrator has put on the object stays there. " +
			"So does one that another `gantry_zone_tag` has made for the same object, in another state: let one state set it, and read " +
			"it elsewhere with the data source `gantry_zone_tags`. Where that state is lost, import the tag: then it is deleted with " +
			"the resource. Whose a tag is that Gantry did not make, only the state knows: one that a run has put on the object right " +
			"before it was killed counts as the administrator's, and stays there when the resource is destroyed, unless it is imported. " +
			"Of objects that the provider's user does not see, Gantry does not know whether they have a tag that it " +
			"deletes: the user needs System.Read on the root object, with propagation. " +
			"An object that has another value already is an error of the plan. " +
			"Let clusters depend on their zones, so that nodes are built after the tags are there: `depends_on = [gantry_zone_tag.a]`.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "Identifier of the zone tag, a UUID that is derived from vCenter and the object. " +
					"It is known in the first plan, stable across re-creation, and the same when the object is renamed.",
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"datacenter": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Name or inventory path of the datacenter that gets the tag, or that the compute cluster is in. " +
					"A change replaces the zone tag, unless it is another name of the same datacenter.",
				Validators: notEmpty,
			},
			"compute_cluster": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name or inventory path of the compute cluster that gets the tag, in the datacenter. " +
					"Defaults to none: then the datacenter gets a region. " +
					"A change replaces the zone tag, unless it is another name of the same compute cluster.",
				Validators: notEmpty,
			},
			"value": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Name of the tag, which is the value of the label: 1 to 63 letters, digits, `-`, `_` and `.`, " +
					"with a letter or digit at both ends. It should be unique in its category: one that something else has, too, is a warning. " +
					"A change takes the former tag off and puts the new one on, in place.",
				Validators: []validator.String{zoneValue{}},
			},
			"tag_id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Identifier of the tag in vCenter, as the vSphere API has it. It changes with `value`.",
			},
		},
	}
}
