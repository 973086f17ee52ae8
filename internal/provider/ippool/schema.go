package ippool

import (
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
)

// texts are what gantry_ip_pool alone says about its addresses.
var texts = ippoolspec.Texts{
	Range:      "It grows and shrinks in place, but an address in use is never removed. A change between IPv4 and IPv6 replaces the pool.",
	Nodes:      "A change affects nodes that are created from then on.",
	Exclude:    "An address in use cannot be excluded.",
	Network:    "It changes in place.",
	ReuseDelay: "It changes in place.",
	Restrict:   "It can be enabled while at most one cluster holds addresses of the pool, which then has it.",
}

func newSchema() schema.Schema {
	attributes := map[string]schema.Attribute{
		"id":         attribute.ID("pool"),
		"name":       attribute.Name("pool"),
		"gateway_id": attribute.GatewayID("pool"),
		"total_addresses": schema.Int64Attribute{
			Computed: true,
			MarkdownDescription: "Number of addresses that can be issued, in use or not: `range` or `subnet` without the network, " +
				"broadcast and gateway address and the exclusions.",
		},
		"allocated_addresses": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of addresses in use at the last refresh.",
		},
		"available_addresses": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of free addresses at the last refresh, including those that cool down for `reuse_delay`.",
		},
		"reserved_by_cluster_id": schema.StringAttribute{
			Computed: true,
			MarkdownDescription: "Id of the cluster that has the pool to itself, where `restrict_to_single_cluster` is `true`; " +
				"null while none has.",
		},
	}
	maps.Copy(attributes, ippoolspec.Attributes(texts))
	return schema.Schema{
		MarkdownDescription: "Addresses for nodes and control-plane virtual addresses. " +
			"Every address in use is a vSphere tag, so that no two clusters, workspaces or machines can ever get the same one. " +
			"An address of a pool must not be used by anything else, such as a DHCP server; one that a VM of vCenter reports is skipped. " +
			"A pool has at most 65,536 addresses, and pools of one vCenter have none in common unless they are on different networks.",
		Attributes: attributes,
	}
}
