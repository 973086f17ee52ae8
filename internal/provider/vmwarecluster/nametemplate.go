package vmwarecluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

var nameTemplatePath = path.Root("name_template")

func nameTemplateAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Template of the names of nodes, which their VMs and host names have, too: `{cluster}` is the name of the " +
			"cluster, `{pool}` that of the worker pool, or `cp` for the control plane, and `{n}`, which must be in it, " +
			"the number of the node in its pool. " +
			"Numbers are not used again, so that they grow with each replacement; names must hold any up to 9999. " +
			"Where names have to be short, such as the 15 characters of Active Directory, `k1{pool}{n}` is one. " +
			"The names of all pools must differ whatever the numbers are, and be labels of RFC 1123: at most 63 lower-case letters, " +
			"digits and hyphens. The load balancer of `ip_allocation = \"dhcp\"` is named as a node of pool `lb` without a number, " +
			"`<cluster>-lb` by default, and keeps that name. A change holds for new nodes only: those that are there keep their names " +
			"until they are replaced. Defaults to `" + enginemodel.DefaultNameTemplate + "`.",
		Validators: []validator.String{
			stringvalidator.LengthBetween(1, 200),
			nameTemplate{},
		},
	}
}

// nameTemplate accepts templates that make names of nodes.
type nameTemplate struct{}

// Description implements validator.Describer.
func (nameTemplate) Description(context.Context) string { return "a template of the names of nodes" }

// MarkdownDescription implements validator.Describer.
func (v nameTemplate) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (nameTemplate) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := enginemodel.CheckNameTemplate(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid name_template",
			fmt.Sprintf("Names of nodes cannot be made by %q: %s.", req.ConfigValue.ValueString(), err)))
	}
}

// checkNodeNames refuses names that are too long, or that two nodes may have.
func checkNodeNames(config *model) diag.Diagnostics {
	template := config.NameTemplate.ValueString()
	if config.WorkerPools.IsUnknown() || config.Name.IsUnknown() || config.NameTemplate.IsUnknown() ||
		enginemodel.CheckNameTemplate(cmp.Or(template, enginemodel.DefaultNameTemplate)) != nil {
		return nil
	}
	pools := append([]string{enginemodel.ControlPlanePool}, slices.Sorted(maps.Keys(config.WorkerPools.Elements()))...)
	leases := nodeschema.Allocation(config.Network) == enginemodel.AllocationDHCP
	err := enginemodel.CheckNodeNames(template, config.Name.ValueString(), pools, leases)
	if err == nil {
		return nil
	}
	at := nameTemplatePath
	todo := "Change name_template, or the name of the pool."
	var ofPool *enginemodel.NodeNameError
	if config.NameTemplate.IsNull() && errors.As(err, &ofPool) {
		at = nodePoolPath(ofPool.Pool)
		todo = "Shorten the name of the pool or of the cluster, or set name_template."
	}
	return diag.Diagnostics{diagnostics.AttributeError(at, "Invalid names of nodes", "By them, "+err.Error()+". "+todo)}
}
