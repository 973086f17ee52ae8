// Package vmwarecluster is gantry_vmware_cluster: Kubernetes clusters on
// vSphere.
package vmwarecluster

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
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
		Hooks:     enginecrud.Hooks[*model]{AfterPlan: checkPlan},
	}}
}

// maxOrdinal is the highest ordinal of a node that a name has to have room for: one
// that only just fits would fail on the thousandth node.
const maxOrdinal = 9999

// maxNodeName is what a label of a DNS name holds.
const maxNodeName = 63

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
	resp.Diagnostics.Append(checkNotes(&config)...)
	resp.Diagnostics.Append(checkSettings(&config).Errors()...) // its warnings come with the plan
	resp.Diagnostics.Append(config.CheckForceDelete(ctx)...)
	if config.WorkerPools.IsUnknown() || config.Name.IsUnknown() {
		return
	}
	for pool := range config.WorkerPools.Elements() {
		name := enginemodel.NodeName(config.Name.ValueString(), pool, maxOrdinal)
		if len(name) > maxNodeName {
			resp.Diagnostics.Append(diagnostics.AttributeError(path.Root("worker_pools").AtMapKey(pool), "Node names too long", fmt.Sprintf(
				"The nodes of this pool would be named %s and so on, which is %d characters; a node's name holds %d. "+
					"Shorten the name of the pool or of the cluster.", name, len(name), maxNodeName)))
		}
	}
}
