package addresspool

import (
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// DataSourceAttributes are the schema of Model where it is looked up.
func DataSourceAttributes() map[string]schema.Attribute {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	texts := func(doc string) schema.ListAttribute {
		return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: doc}
	}
	return map[string]schema.Attribute{
		"range": schema.SingleNestedAttribute{
			Computed:            true,
			MarkdownDescription: "First and last address of the pool; null where it was made of a subnet.",
			Attributes: map[string]schema.Attribute{
				"start": text("First address of the pool."),
				"end":   text("Last address of the pool."),
			},
		},
		"subnet": text("Subnet whose addresses make up the pool; null where it was made of a range."),
		"prefix_length": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Prefix length in bits of the network that the addresses are in.",
		},
		"default_gateway": text("Address of the router that nodes send everything else to."),
		"nameservers":     texts("Addresses of the DNS servers of nodes, in the order in which they are asked; null for none."),
		"search_domains":  texts("Domains that nodes complete host names with, in the order in which they are tried; null for none."),
		"excluded_addresses": schema.SetAttribute{
			Computed:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Addresses, ranges and prefixes that are never handed out; null for none.",
		},
		"network":     text("vSphere network that the addresses live on; null where the pool may be used on every network."),
		"reuse_delay": text("How long an address that was given back rests before another cluster gets it."),
		"restrict_to_single_cluster": schema.BoolAttribute{
			Computed:            true,
			MarkdownDescription: "Whether the first cluster that takes an address has the pool for itself until it gives its last address back.",
		},
	}
}
