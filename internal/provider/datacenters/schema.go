package datacenters

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	path := func(thing string) schema.StringAttribute {
		return schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Inventory path of the " + thing + ", which is unique in vCenter.",
		}
	}
	names := func(text string) schema.ListAttribute {
		return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: text}
	}
	const keyed = "keyed by name, and by inventory path where several share a name."
	resp.Schema = schema.Schema{
		MarkdownDescription: "What clusters can be built on, as far as the provider's user may see it: the datacenters of vCenter with their " +
			"compute clusters, datastores, networks, resource pools, folders and templates. It is read in one call.",
		Attributes: map[string]schema.Attribute{
			"datacenters": schema.MapNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Datacenters, " + keyed,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"path": path("datacenter"),
					"compute_clusters": schema.MapNestedAttribute{
						Computed:            true,
						MarkdownDescription: "Compute clusters, and hosts that are in none, " + keyed,
						NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
							"path": path("compute cluster"),
							"hosts": schema.Int64Attribute{
								Computed:            true,
								MarkdownDescription: "Number of hosts that can run a node: connected and not in maintenance mode.",
							},
							"datastores":     names("Names of the datastores that a host of the compute cluster can reach, sorted."),
							"networks":       names("Names of the networks that a host of the compute cluster is connected to, sorted."),
							"resource_pools": names("Resource pools of the compute cluster, by their paths below it, the root pool first."),
						}},
					},
					"datastores": schema.MapNestedAttribute{
						Computed:            true,
						MarkdownDescription: "Datastores, " + keyed,
						NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
							"path": path("datastore"),
							"type": schema.StringAttribute{
								Computed:            true,
								MarkdownDescription: "File system type as vCenter spells it, such as `VMFS`, `NFS` or `vsan`.",
							},
							"accessible": schema.BoolAttribute{
								Computed:            true,
								MarkdownDescription: "Whether at least one host can reach the datastore now.",
							},
							"capacity_gb": schema.Int64Attribute{
								Computed:            true,
								MarkdownDescription: "Capacity in GB of 1,073,741,824 bytes, rounded down.",
							},
							"free_gb": schema.Int64Attribute{
								Computed:            true,
								MarkdownDescription: "Free space in GB of 1,073,741,824 bytes, rounded down.",
							},
						}},
					},
					"networks": schema.MapNestedAttribute{
						Computed:            true,
						MarkdownDescription: "Networks and distributed port groups, without the uplinks of switches, " + keyed,
						NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
							"path": path("network"),
							"type": schema.StringAttribute{
								Computed:            true,
								MarkdownDescription: "`Network` for one of a host's own switch, `DistributedVirtualPortgroup` or `OpaqueNetwork`.",
							},
						}},
					},
					"folders": names("VM folders, by their paths below the datacenter's root folder for VMs, as the attribute `folder` of a " +
						"cluster takes them."),
					"templates": schema.MapNestedAttribute{
						Computed:            true,
						MarkdownDescription: "VM templates, " + keyed,
						NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
							"path": path("template"),
							"snapshot": schema.BoolAttribute{
								Computed:            true,
								MarkdownDescription: "Whether the template has a snapshot, without which there are no linked clones of it.",
							},
						}},
					},
				}},
			},
		},
	}
}
