package cloudaccount

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

func newSchema() schema.Schema {
	attributes := map[string]schema.Attribute{
		"id":         attribute.ID("cloud account"),
		"name":       attribute.Name("cloud account"),
		"gateway_id": attribute.GatewayID("cloud account"),
	}
	maps.Copy(attributes, loginAttributes())
	maps.Copy(attributes, verificationAttributes())
	maps.Copy(attributes, computedAttributes())
	attributes["timeouts"] = timeouts.Attributes(context.Background(), timeouts.Opts{
		Create: true,
		CreateDescription: "How long the creation may wait for a gateway that another run works on, such as `90m`. " +
			"Defaults to 60 minutes.",
	})
	return schema.Schema{
		MarkdownDescription: "A vSphere identity that clusters are built with. Its user logs in to the vCenter server of the provider, " +
			"in the plan and again in the apply that creates the account or changes its login; " +
			"what Gantry records about the account in vCenter never holds a secret. " +
			"A cluster takes the whole object: `cloud_account = gantry_cloud_account.team_a`. " +
			"The creation of an account of a gateway waits until no other run works on the gateway, and needs one that has been " +
			"`Running` and is not `Failed` or being deleted; a change of an account does not ask for it.",
		Attributes: attributes,
	}
}

// loginAttributes are who logs in where.
func loginAttributes() map[string]schema.Attribute {
	notEmpty := stringvalidator.LengthAtLeast(1)
	return map[string]schema.Attribute{
		"vcenter_server": schema.StringAttribute{
			Required: true,
			MarkdownDescription: "Host name or address of the vCenter server, with a port where it is not 443. " +
				"It is the vCenter server that the provider is connected to. A change to another server replaces the account.",
			Validators: []validator.String{notEmpty},
			PlanModifiers: []planmodifier.String{
				stringplanmodifier.RequiresReplaceIf(serverMoved,
					"Another server replaces the account.", "Another server replaces the account."),
			},
		},
		"username": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "User that clusters are built as, such as `team-a@vsphere.local`. It changes in place.",
			Validators:          []validator.String{notEmpty},
		},
		"password": schema.StringAttribute{
			Optional:  true,
			Sensitive: true,
			MarkdownDescription: "Password of `username`. Stored in state; use an encrypted backend. " +
				"Exactly one of `password` and `password_wo` is required. It changes in place.",
			Validators: []validator.String{
				notEmpty,
				stringvalidator.ExactlyOneOf(path.MatchRoot("password"), path.MatchRoot("password_wo")),
			},
		},
		"password_wo": schema.StringAttribute{
			Optional:  true,
			WriteOnly: true,
			Sensitive: true,
			MarkdownDescription: "Password of `username`, never stored in a state or plan. It needs Terraform 1.11 or later. " +
				"A cluster that uses the account then needs `cloud_account_password_wo` with the same password.",
			Validators: []validator.String{notEmpty, stringvalidator.AlsoRequires(path.MatchRoot("password_wo_version"))},
		},
		"password_wo_version": schema.Int64Attribute{
			CustomType:          attribute.Int64Type{},
			Optional:            true,
			MarkdownDescription: "Version of the password in `password_wo`, at least 1 and without a default. Increment it to send a new password.",
			Validators: []validator.Int64{
				int64validator.AtLeast(1),
				int64validator.AlsoRequires(path.MatchRoot("password_wo")),
			},
		},
	}
}

// verificationAttributes are how vCenter's certificate is verified.
func verificationAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"ca_certificate": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Certificate authorities that vCenter's certificate is verified against, as PEM text. " +
				"Defaults to those of the provider where `vcenter_server` has the same value there, else to those of the system. " +
				"Conflicts with `insecure_skip_verify = true`.",
			Validators: []validator.String{attribute.CABundle{}},
		},
		"insecure_skip_verify": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
			MarkdownDescription: "Whether any certificate of vCenter's is accepted, which lets anyone on the network read the password. " +
				"Defaults to `false`; where `vcenter_server` has the value of the provider's and no `ca_certificate` is given, " +
				"the provider's verification applies.",
		},
	}
}

// computedAttributes are what the login reads.
func computedAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"vcenter_version": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Version of the vCenter server, such as `8.0.3`.",
		},
		"instance_uuid": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Instance UUID of the vCenter server, which never changes.",
			PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		},
		"missing_privileges": schema.ListAttribute{
			ElementType: types.StringType,
			Computed:    true,
			MarkdownDescription: "Ids of the privileges that the user lacks on vCenter's root object, of those that Gantry or the CSI driver " +
				"use there; empty when there are none. They are read at each refresh, by the provider's own user. " +
				"What the user lacks on the objects of a cluster, the plan of the cluster warns of. " +
				"The data source `gantry_privileges` shows both, and all other privileges.",
		},
	}
}
