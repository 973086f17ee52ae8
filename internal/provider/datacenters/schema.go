package datacenters

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// byName ends the description of a map of objects.
const byName = "keyed by name, and by inventory path where several share a name."

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "What clusters can be built on, as far as the provider's user may see it: the datacenters of vCenter with their " +
			"compute clusters, datastores, networks, resource pools, folders and templates. It is read in one call.",
		Attributes: map[string]schema.Attribute{
			"datacenters": objects("Datacenters", map[string]schema.Attribute{
				"path":             inventoryPath("datacenter"),
				"compute_clusters": objects("Compute clusters, and hosts that are in none", computeClusterAttributes()),
				"datastores":       objects("Datastores, also those in datastore clusters", datastoreAttributes()),

				"datastore_clusters": objects("Datastore clusters", datastoreClusterAttributes()),

				"networks": objects("Networks and distributed port groups, without the uplinks of switches", networkAttributes()),
				"folders": names("VM folders, by their paths below the datacenter's root folder for VMs, as the attribute `folder` " +
					"of a cluster takes them."),
				"templates": objects("VM templates", templateAttributes()),
			}),
		},
	}
}

// objects are a map of objects with these attributes.
func objects(doc string, attributes map[string]schema.Attribute) schema.MapNestedAttribute {
	return schema.MapNestedAttribute{
		Computed:            true,
		MarkdownDescription: doc + ", " + byName,
		NestedObject:        schema.NestedAttributeObject{Attributes: attributes},
	}
}

func inventoryPath(kind string) schema.StringAttribute {
	return text("Inventory path of the " + kind + ", which is unique in vCenter.")
}

func text(doc string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
}

func number(doc string) schema.Int64Attribute {
	return schema.Int64Attribute{Computed: true, MarkdownDescription: doc}
}

func names(doc string) schema.ListAttribute {
	return schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: doc}
}

func flag(doc string) schema.BoolAttribute {
	return schema.BoolAttribute{Computed: true, MarkdownDescription: doc}
}

func computeClusterAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"path":               inventoryPath("compute cluster"),
		"hosts":              number("Number of hosts that can run a node: connected and not in maintenance mode."),
		"datastores":         names("Names of the datastores that a host of the compute cluster can reach, sorted."),
		"datastore_clusters": names("Names of the datastore clusters of which a host of the compute cluster can reach a datastore, sorted."),
		"host_groups":        names("Names of the host groups of DRS, sorted."),
		"vm_groups":          names("Names of the VM groups of DRS, sorted, but for those that Gantry makes."),
		"networks":           names("Names of the networks that a host of the compute cluster is connected to, sorted."),
		"resource_pools":     names("Resource pools of the compute cluster, by their paths below it, the root pool first."),
	}
}

func datastoreAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"path":        inventoryPath("datastore"),
		"type":        text("File system type as vCenter spells it, such as `VMFS`, `NFS` or `vsan`."),
		"accessible":  flag("Whether at least one host can reach the datastore now."),
		"capacity_gb": number("Capacity in GB of 1,073,741,824 bytes, rounded down."),
		"free_gb":     number("Free space in GB of 1,073,741,824 bytes, rounded down."),
	}
}

func datastoreClusterAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"path":        inventoryPath("datastore cluster"),
		"storage_drs": flag("Whether Storage DRS is on, and recommends the datastore for each VM."),
		"datastores":  names("Names of its datastores, sorted."),
		"capacity_gb": number("Capacity of its datastores in GB of 1,073,741,824 bytes, rounded down."),
		"free_gb":     number("Free space of its datastores in GB of 1,073,741,824 bytes, rounded down."),
	}
}

func networkAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"path": inventoryPath("network"),
		"type": text("`Network` for one of a host's own switch, `DistributedVirtualPortgroup` or `OpaqueNetwork`."),
	}
}

func templateAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"path":     inventoryPath("template"),
		"snapshot": flag("Whether the template has a snapshot, without which there are no linked clones of it."),
	}
}
