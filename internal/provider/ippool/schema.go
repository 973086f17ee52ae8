package ippool

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// maxNameservers is what the resolver of a node looks at: glibc ignores any
// nameserver after the third.
const maxNameservers = 3

// Schema declares gantry_ip_pool.
func (r *poolResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A range of addresses that Gantry hands to nodes and control-plane virtual addresses. " +
			"Every address in use is a vSphere tag, so that no two clusters, workspaces or machines can ever get the same one. " +
			"An address of a pool must not be used by anything else, such as a DHCP server.",
		Attributes: map[string]schema.Attribute{
			"id":         attribute.ID("pool"),
			"name":       attribute.Name("pool"),
			"gateway_id": attribute.GatewayID("pool"),
			"range": schema.SingleNestedAttribute{
				Required: true,
				MarkdownDescription: "First and last address of the pool, of one family, at most 65,536 addresses and all within one network of `prefix_length`. " +
					"It grows and shrinks in place, but an address in use is never taken out. A change between IPv4 and IPv6 replaces the pool.",
				Attributes: map[string]schema.Attribute{
					"start": schema.StringAttribute{
						Required:            true,
						MarkdownDescription: "First address of the pool, such as `10.10.183.1`.",
					},
					"end": schema.StringAttribute{
						Required:            true,
						MarkdownDescription: "Last address of the pool, such as `10.10.183.100`. It is part of the pool and not below `start`.",
					},
				},
			},
			"prefix_length": schema.Int64Attribute{
				Required: true,
				MarkdownDescription: "Prefix length in bits of the network that the addresses are in, from 1 to 32 for IPv4 and to 128 for IPv6. " +
					"Nodes get their addresses with it. The network and broadcast address are never handed out.",
				Validators: []validator.Int64{int64validator.Between(1, 128)},
			},
			"default_gateway": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Address of the router that nodes send everything else to. " +
					"It lies in the network of the addresses and is never handed out, also where it is within `range`.",
			},
			"nameservers": schema.ListAttribute{
				ElementType: types.StringType,
				Optional:    true,
				MarkdownDescription: "Addresses of the DNS servers of nodes, in the order in which they are asked, at most 3. " +
					"Defaults to none. A change concerns nodes that are built from then on.",
				Validators: []validator.List{listvalidator.SizeAtMost(maxNameservers), listvalidator.UniqueValues()},
			},
			"search_domains": schema.ListAttribute{
				ElementType: types.StringType,
				Optional:    true,
				MarkdownDescription: "Domains that nodes complete host names with, in the order in which they are tried. " +
					"Defaults to none. A change concerns nodes that are built from then on.",
				Validators: []validator.List{
					listvalidator.UniqueValues(),
					listvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 253), attribute.DomainName()),
				},
			},
			"restrict_to_single_cluster": schema.BoolAttribute{
				Optional: true,
				Computed: true,
				Default:  booldefault.StaticBool(false),
				MarkdownDescription: "Whether the first cluster that takes an address has the pool for itself until it gives its last address back. " +
					"Defaults to `false`. It can be turned on while at most one cluster has addresses of the pool.",
			},
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
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
		},
	}
}
