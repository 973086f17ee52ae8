package addresspool

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// maxNameservers is what the resolver of a node looks at: glibc ignores any
// nameserver after the third.
const maxNameservers = 3

// Words are the sentences in which the resources differ: what a change of an
// attribute does, and whom a pool is restricted to.
type Words struct{ Range, Nodes, Restrict string }

// Attributes are the schema of Model.
func Attributes(words Words) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"range": schema.SingleNestedAttribute{
			Required: true,
			MarkdownDescription: "First and last address of the pool, of one family, at most 65,536 addresses and all within one network of `prefix_length`. " +
				words.Range,
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
				"Defaults to none. " + words.Nodes,
			Validators: []validator.List{listvalidator.SizeAtMost(maxNameservers), listvalidator.UniqueValues()},
		},
		"search_domains": schema.ListAttribute{
			ElementType: types.StringType,
			Optional:    true,
			MarkdownDescription: "Domains that nodes complete host names with, in the order in which they are tried. " +
				"Defaults to none. " + words.Nodes,
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
				"Defaults to `false`. " + words.Restrict,
		},
	}
}
