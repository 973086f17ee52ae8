package ippoolspec

import (
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// maxNameservers is what the resolver of a node uses: glibc ignores any nameserver
// after the third.
const maxNameservers = 3

// maxNetwork bounds an inventory path, which goes into the pool's record.
const maxNetwork = 512

// Texts are the sentences of the documentation in which the resources differ: what
// a change of an attribute does, and what a pool is restricted to.
type Texts struct{ Range, Nodes, Exclude, Network, ReuseDelay, Restrict string }

// Attributes are the schema of Model.
func Attributes(texts Texts) map[string]schema.Attribute {
	attributes := addressAttributes(texts)
	maps.Copy(attributes, nodeAttributes(texts))
	maps.Copy(attributes, usageAttributes(texts))
	return attributes
}

// addressAttributes are the addresses of a pool.
func addressAttributes(texts Texts) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"range": schema.SingleNestedAttribute{
			Optional: true,
			MarkdownDescription: "First and last address of the pool, of one family, at most 65,536 addresses and all within one network " +
				"of `prefix_length`. " +
				"Exactly one of `range` and `subnet` is required. " + texts.Range,
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
		"subnet": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Subnet in CIDR form whose addresses make up the pool, such as `10.10.183.64/26`, of at most 65,536 addresses. " +
				"Its first address and, in IPv4, its last one are not part of the pool, even where `prefix_length` makes the network wider. " +
				texts.Range,
		},
		"prefix_length": schema.Int64Attribute{
			CustomType: attribute.Int64Type{},
			Optional:   true,
			Computed:   true,
			MarkdownDescription: "Prefix length in bits of the network that the addresses are in, from 1 to 32 for IPv4 and to 128 for IPv6. " +
				"Nodes get their addresses with it. The network and broadcast address are never issued. " +
				"Defaults to that of `subnet`, and is at most that; it is required with `range`.",
			Validators:    []validator.Int64{int64validator.Between(1, 128)},
			PlanModifiers: []planmodifier.Int64{prefixLengthOfSubnet{}},
		},
		"excluded_addresses": schema.SetAttribute{
			ElementType: types.StringType,
			Optional:    true,
			MarkdownDescription: "Addresses that are never issued: single ones (`10.10.183.7`), ranges (`10.10.183.20-10.10.183.29`) and " +
				"CIDR prefixes " +
				"(`10.10.183.64/30`, with all of its addresses), all within the network of the pool. " +
				"Ranges may overlap; at least one address must remain. Defaults to none. " + texts.Exclude,
			Validators: []validator.Set{attribute.NoNulls{}},
		},
	}
}

// nodeAttributes are what nodes get along with an address.
func nodeAttributes(texts Texts) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"default_gateway": schema.StringAttribute{
			Required: true,
			MarkdownDescription: "Address of the default router of nodes, of the family of the addresses. " +
				"It lies in their network, and is never issued, even where it is within `range` or `subnet`. " +
				"In IPv6 it may be link-local, such as `fe80::1`. In IPv4 it may lie outside of the network, if it is on the same segment: " +
				"see the guide on node images for the systems that can reach it.",
		},
		"nameservers": schema.ListAttribute{
			ElementType: types.StringType,
			Optional:    true,
			MarkdownDescription: "Addresses of the DNS servers of nodes, in order of preference, at most 3, and at least one " +
				"of the pool's family. " +
				"Defaults to none, and then CoreDNS does not start on nodes whose image names none. " + texts.Nodes,
			Validators: []validator.List{attribute.NoNulls{}, listvalidator.SizeAtMost(maxNameservers), listvalidator.UniqueValues()},
		},
		"search_domains": schema.ListAttribute{
			ElementType: types.StringType,
			Optional:    true,
			MarkdownDescription: "Domains that nodes complete host names with, in the order in which they are tried. " +
				"Defaults to none. " + texts.Nodes,
			Validators: []validator.List{
				attribute.NoNulls{},
				listvalidator.UniqueValues(),
				listvalidator.ValueStringsAre(stringvalidator.LengthBetween(1, 253), attribute.DomainName()),
			},
		},
	}
}

// usageAttributes are who may use the addresses, where and when.
func usageAttributes(texts Texts) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"network": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Name of the vSphere network or distributed port group of the addresses, or its inventory path where " +
				"several have the name. " +
				"A node on another network gets no address of the pool, and pools of different networks may have the same addresses. " +
				"A name stands for the network of that name in any folder; full paths, from the datacenter on, are compared whole. " +
				"Names are case-sensitive. " +
				"Defaults to none: the pool may be used on every network, and no other pool may have its addresses. " + texts.Network,
			Validators: []validator.String{stringvalidator.LengthBetween(1, maxNetwork)},
		},
		"reuse_delay": schema.StringAttribute{
			Optional: true,
			Computed: true,
			Default:  stringdefault.StaticString(defaultReuseDelay),
			MarkdownDescription: "How long a released address cools down before another cluster gets it, by vCenter's clock: " +
				"a duration of whole seconds from `0s` to `24h`, such as `10m`. The cluster that released it can get it at any time. " +
				"An address that cools down counts as available. Defaults to `" + defaultReuseDelay + "`. " + texts.ReuseDelay,
			Validators:    []validator.String{reuseDelayValidator{}},
			PlanModifiers: []planmodifier.String{sameReuseDelay{}},
		},
		"restrict_to_single_cluster": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
			MarkdownDescription: "Whether the first cluster that gets an address has the pool to itself until it releases its last address. " +
				"Defaults to `false`. " + texts.Restrict,
		},
	}
}
