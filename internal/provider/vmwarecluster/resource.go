// Package vmwarecluster is gantry_vmware_cluster: Kubernetes clusters on
// vSphere.
package vmwarecluster

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

var (
	_ resource.ResourceWithConfigure      = (*clusterResource)(nil)
	_ resource.ResourceWithImportState    = (*clusterResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*clusterResource)(nil)
	_ resource.ResourceWithValidateConfig = (*clusterResource)(nil)
)

// filled are the attributes that no user writes.
var filled = map[string]bool{
	"id": true, "state": true, "health": true, "conditions": true, "nodes": true, "control_plane_endpoint": true,
	"kubeconfig": true, "kubernetes_client_configuration": true, "planned_changes": true,
}

// secret are the attributes that are not kept in the cluster, at any depth.
var secret = map[string]bool{"password": true, "cloud_account_password_wo": true}

// rules tell what may change on a running cluster. Everything that they do not
// name is refused when it is planned, never replaced.
var rules = lifecycle.Rules{
	Replace: []string{"name", "datacenter", "network", "cloud_account.gateway_id"},
	InPlace: []string{
		"cloud_account", "cloud_account_password_wo", "cloud_account_password_wo_version",
		"profile.packs", "profile.image", "control_plane.node_count",
		"control_plane.labels", "control_plane.annotations", "control_plane.taints",
		"worker_pools.*.node_count", "worker_pools.*.labels", "worker_pools.*.annotations",
		"worker_pools.*.taints", "worker_pools.*.rolling_update",
		"worker_pools.*.cpu", "worker_pools.*.memory_gb", "worker_pools.*.disk_gb", "worker_pools.*.placements",
		"incomplete_create", "deletion_protection", "timeouts",
	},
	Keyed: []string{"worker_pools", "profile.packs"},
}

type clusterResource struct {
	lifecycle.Driver[model, *model]
}

// NewResource answers the resource gantry_vmware_cluster.
func NewResource() resource.Resource {
	return &clusterResource{lifecycle.Driver[model, *model]{Kind: engine.KindCluster, Filled: filled, Secret: secret, Rules: rules}}
}

// Metadata names the resource.
func (r *clusterResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_vmware_cluster"
}

// ValidateConfig checks what one attribute alone cannot tell.
func (r *clusterResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(lifecycle.ValidateNetwork(ctx, config.Network)...)
	if config.WorkerPools.IsUnknown() || config.Name.IsUnknown() {
		return
	}
	for pool := range config.WorkerPools.Elements() {
		// A name that only just fits would fail on the thousandth node.
		longest := engine.NodeName(config.Name.ValueString(), pool, 9999)
		if len(longest) > 63 {
			resp.Diagnostics.AddAttributeError(path.Root("worker_pools").AtMapKey(pool), "Node names would be too long",
				fmt.Sprintf("The nodes of this pool would be named %s and so on, which is %d characters; a node's name holds 63. Shorten the name of the pool or of the cluster.",
					longest, len(longest)))
		}
	}
}
