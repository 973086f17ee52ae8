// Package gateway is gantry_gateway: the cluster next to vCenter in which a
// console's agents run.
package gateway

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

var (
	_ resource.ResourceWithConfigure      = (*gatewayResource)(nil)
	_ resource.ResourceWithImportState    = (*gatewayResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*gatewayResource)(nil)
	_ resource.ResourceWithValidateConfig = (*gatewayResource)(nil)
)

// filled are the attributes that no user writes.
var filled = map[string]bool{
	"id": true, "state": true, "health": true, "conditions": true, "nodes": true, "control_plane_endpoint": true,
	"kubeconfig": true, "planned_changes": true, "default_cloud_account": true,
}

// secret are the attributes that are not kept in the cluster.
var secret = map[string]bool{"pairing_code": true, "pairing_code_wo": true}

// rules tell what may change on a running gateway: what only the agent knows, and
// the addresses that it hands out.
// Everything that they do not name is refused when it is planned.
var rules = lifecycle.Rules{
	Replace: []string{"name", "placement.datacenter", "network"},
	InPlace: []string{
		"console_endpoint", "pairing_code", "pairing_code_wo", "pairing_code_wo_version", "agent_image", "registration_timeout",
		"incomplete_create", "timeouts",
		// All of ip_pool but its name, which its id is derived from.
		"ip_pool.range", "ip_pool.subnet", "ip_pool.prefix_length", "ip_pool.default_gateway", "ip_pool.nameservers", "ip_pool.search_domains",
		"ip_pool.excluded_addresses", "ip_pool.network", "ip_pool.reuse_delay", "ip_pool.restrict_to_single_cluster",
	},
}

type gatewayResource struct {
	lifecycle.Driver[model, *model]
}

// NewResource answers the resource gantry_gateway.
func NewResource() resource.Resource {
	return &gatewayResource{lifecycle.Driver[model, *model]{Kind: engine.KindGateway, Filled: filled, Secret: secret, Rules: rules}}
}

// Metadata names the resource.
func (r *gatewayResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_gateway"
}
