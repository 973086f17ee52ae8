package lifecycle

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// Datacenter is where everything is.
func Datacenter(thing string) schema.StringAttribute {
	return schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Name or inventory path of the datacenter. A change replaces the " + thing + ".",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
	}
}

// Folder is the VM folder of the nodes.
func Folder(thing string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Path of the VM folder below the datacenter's, such as `k8s/prod-1`. Folders that are missing are made, and deleted with the " + thing +
			" when they are empty then. Defaults to the datacenter's own VM folder.",
		Validators: []validator.String{FolderPath()},
	}
}

// ImageFolder is where templates are looked up.
func ImageFolder() schema.StringAttribute {
	return schema.StringAttribute{
		Optional:            true,
		MarkdownDescription: "Path of the VM folder in which the template is looked up. Defaults to the whole datacenter.",
		Validators:          []validator.String{FolderPath()},
	}
}

// IncompleteError is the value of IncompleteCreate that makes an error of a
// creation that is not complete.
const IncompleteError = "error"

// IncompleteCreate is what a creation is that fails late; such says when that
// is, as in "as when a worker does not join".
func IncompleteCreate(thing, such string) schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString("warn"),
		MarkdownDescription: "What a creation is that fails after the API has answered, " + such + ": `warn` (the default) keeps the " + thing +
			" as `Degraded` for the next plan to repair; `error` fails the apply, which taints the " + thing + ", so that the next apply destroys it and builds it again.",
		Validators: []validator.String{stringvalidator.OneOf("warn", IncompleteError)},
	}
}

// Timeouts are how long an apply may take.
func Timeouts(ctx context.Context) schema.Attribute {
	return timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, Update: true, Delete: true,
		CreateDescription: "How long a creation may take, such as `90m`. Defaults to 60 minutes.",
		UpdateDescription: "How long an update may take. Defaults to 60 minutes.",
		DeleteDescription: "How long a destruction may take. Defaults to 30 minutes.",
	})
}
