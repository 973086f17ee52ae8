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
	Exclude:  "An address in use can't be excluded.",
	Network:  "It changes in place.",
	Delay:    "It changes in place.",
	Restrict: "It can be turned on while at most one cluster holds addresses of the pool, which then has it.",
}

// Schema declares gantry_ip_pool.
func (r *poolResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"id":         attribute.ID("pool"),
		"name":       attribute.Name("pool"),
		"gateway_id": attribute.GatewayID("pool"),
		"total_addresses": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of addresses that can be handed out, in use or not: `range` or `subnet` without the network, broadcast and gateway address and the exclusions.",
		},
		"allocated_addresses": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of addresses in use when the state was last refreshed.",
		},
		"available_addresses": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of addresses that were free when the state was last refreshed, those included that rest for `reuse_delay`.",
		},
		"reserved_by_cluster_id": schema.StringAttribute{
			Computed: true,
			MarkdownDescription: "Id of the cluster that has the pool for itself, where `restrict_to_single_cluster` is `true`; " +
				"null while none has.",
		},
	}
	maps.Copy(attributes, addresspool.Attributes(words))
	resp.Schema = schema.Schema{
		MarkdownDescription: "Addresses that Gantry hands to nodes and control-plane virtual addresses. " +
			"Every address in use is a vSphere tag, so that no two clusters, workspaces or machines can ever get the same one. " +
			"An address of a pool must not be used by anything else, such as a DHCP server; one that a VM of vCenter reports is passed over. " +
			"A pool has at most 65,536 addresses, of which no two pools of a vCenter have the same unless they are on different networks.",
		Attributes: attributes,
	}
}
