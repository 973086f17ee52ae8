package ippool

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// words are what gantry_ip_pool says of its addresses alone.
var words = addresspool.Words{
	Range:    "It grows and shrinks in place, but an address in use is never taken out. A change between IPv4 and IPv6 replaces the pool.",
	Nodes:    "A change concerns nodes that are built from then on.",
	Restrict: "It can be turned on while no address of the pool is in use.",
}

// Schema declares gantry_ip_pool.
func (r *poolResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"id":         attribute.ID("pool"),
		"name":       attribute.Name("pool"),
		"gateway_id": attribute.GatewayID("pool"),
		"total_addresses": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of addresses that can be handed out, in use or not: `range` without the network, broadcast and gateway address.",
		},
		"allocated_addresses": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of addresses in use when the state was last refreshed.",
		},
		"available_addresses": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of addresses that were free when the state was last refreshed.",
		},
		"reserved_by_cluster_id": schema.StringAttribute{
			Computed: true,
			MarkdownDescription: "Id of the cluster that has the pool for itself, where `restrict_to_single_cluster` is `true`; " +
				"null while none has.",
		},
	}
	maps.Copy(attributes, addresspool.Attributes(words))
	resp.Schema = schema.Schema{
		MarkdownDescription: "A range of addresses that Gantry hands to nodes and control-plane virtual addresses. " +
			"Every address in use is a vSphere tag, so that no two clusters, workspaces or machines can ever get the same one. " +
			"An address of a pool must not be used by anything else, such as a DHCP server.",
		Attributes: attributes,
	}
}
