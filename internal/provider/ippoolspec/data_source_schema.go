package ippoolspec

import (
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
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
			MarkdownDescription: "First and last address of the pool; null where the pool is a subnet.",
			Attributes: map[string]schema.Attribute{
				"start": text("First address of the pool."),
				"end":   text("Last address of the pool."),
			},
		},
		"subnet": text("Subnet whose addresses make up the pool; null where the pool is a range."),
		"prefix_length": schema.Int64Attribute{
			CustomType:          attribute.Int64Type{},
			Computed:            true,
			MarkdownDescription: "Prefix length in bits of the network that the addresses are in.",
		},
		"default_gateway": text("Address of the default router of nodes."),
		"nameservers":     texts("Addresses of the DNS servers of nodes, in order of preference; null for none."),
		"search_domains":  texts("Domains that nodes complete host names with, in the order in which they are tried; null for none."),
		"excluded_addresses": schema.SetAttribute{
			Computed:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Addresses, ranges and prefixes that are never issued; null for none.",
		},
		"network":     text("vSphere network of the addresses; null where the pool may be used on every network."),
		"reuse_delay": text("How long a released address cools down before another cluster gets it."),
		"restrict_to_single_cluster": schema.BoolAttribute{
			Computed:            true,
			MarkdownDescription: "Whether the first cluster that gets an address has the pool to itself until it releases its last address.",
		},
	}
}
