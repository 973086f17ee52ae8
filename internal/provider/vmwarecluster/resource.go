// Package vmwarecluster is gantry_vmware_cluster: Kubernetes clusters on
// vSphere.
package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

var (
	_ resource.ResourceWithConfigure      = (*clusterResource)(nil)
	_ resource.ResourceWithImportState    = (*clusterResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*clusterResource)(nil)
	_ resource.ResourceWithValidateConfig = (*clusterResource)(nil)
)

type clusterResource struct {
	enginecrud.Driver[model, *model]
}

// typeName is the type of the resource and of the data source in configurations.
const typeName = "gantry_vmware_cluster"

// typedSchema is newSchema, made once.
var typedSchema = attribute.SchemaOnce(newSchema)

// NewResource returns the resource gantry_vmware_cluster.
func NewResource() resource.Resource {
	return &clusterResource{enginecrud.Driver[model, *model]{
		TypeName:  typeName,
		Kind:      record.KindCluster,
		NewSchema: typedSchema,
		Rules:     rules,
		ApplyOnly: map[string]bool{nodeschema.RegistryPassword: true},
		Hooks:     enginecrud.Hooks[*model]{AfterPlan: checkPlan},
	}}
}

// ValidateConfig implements resource.ResourceWithValidateConfig: it checks what one
// attribute alone cannot tell.
func (r *clusterResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(nodeschema.ValidateNetwork(config.Network)...)
	resp.Diagnostics.Append(checkAllocation(&config)...)
	resp.Diagnostics.Append(checkControlPlane(&config)...)
	resp.Diagnostics.Append(checkLoadBalancerPools(&config)...)
	resp.Diagnostics.Append(checkUsageLimits(&config)...)
	resp.Diagnostics.Append(checkNotes(&config)...)
	resp.Diagnostics.Append(checkSettings(&config).Errors()...) // its warnings come with the plan
	resp.Diagnostics.Append(checkBuild(&config)...)
	resp.Diagnostics.Append(config.CheckForceDelete(ctx)...)
	resp.Diagnostics.Append(checkNodeNames(&config)...)
}
