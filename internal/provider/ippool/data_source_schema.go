package ippool

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
)

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	number := func(doc string) schema.Int64Attribute {
		return schema.Int64Attribute{Computed: true, MarkdownDescription: doc}
	}
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	attributes := map[string]schema.Attribute{
		"id": text("Identifier of the pool, a UUID that is derived from vCenter, gateway and name. It is what `ip_pool_id` of a " +
			"placement takes."),
		"name": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "Name of the pool. One that does not exist is an error.",
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
		},
		"gateway_id": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Id of the gateway that the pool belongs to. Defaults to none: the pool is then one of the system " +
				"gateway, which is Gantry itself.",
			Validators: []validator.String{attribute.IDOf("gantry_gateway")},
		},
		"total_addresses":     number("Number of addresses that can be issued, in use or not."),
		"allocated_addresses": number("Number of addresses in use."),
		"available_addresses": number("Number of free addresses, including those that cool down for `reuse_delay`."),
		"reserved_by_cluster_id": text("Id of the cluster that has the pool to itself, where `restrict_to_single_cluster` is `true`; " +
			"null while none has."),
		"include_allocations": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether `allocations` are read, which takes a call to vCenter for each address in use; everything else " +
				"takes two or three calls, " +
				"however many there are. Defaults to `false`.",
		},
		"allocations": schema.MapNestedAttribute{
			Computed:            true,
			MarkdownDescription: "Who holds the addresses in use, keyed by address; null unless `include_allocations` is `true`.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"cluster_id": text("Id of the cluster or gateway that holds the address; null where the claim was edited by hand and cannot be read."),
				"owner": text("Name of the node that has the address, or what the cluster has it for: `vip`, the virtual address of its API, " +
					"`extra`, the one that a new control-plane node gets, or `load_balancer_pools`, a range that it has reserved for services."),
				"since": text("When it was claimed, in UTC, such as `2026-01-02T15:04:05Z`."),
			}},
		},
	}
	maps.Copy(attributes, ippoolspec.DataSourceAttributes())
	resp.Schema = schema.Schema{
		MarkdownDescription: "An IP pool that another workspace created, with how much of it is in use and, on request, who holds which address.",
		Attributes:          attributes,
	}
}
