// Package orphans is the data source gantry_orphans.
package orphans

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct{ connection.DataSource }

// model is the values of gantry_orphans.
type model struct {
	Orphans []orphan `tfsdk:"orphans"`
}

// NewDataSource returns the data source gantry_orphans.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: "gantry_orphans"}}
}

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Objects in vCenter that carry Gantry's marks and belong to no registered gateway or cluster, with what " +
			"to do about each. " +
			"It reads every tag of the category `gantry`, one call each, and every VM, and changes nothing; what looks like an orphan is " +
			"read twice. " +
			"It finds VMs with Gantry's marker, addresses, records and locks whose cluster, gateway or pool is gone, " +
			"creations that never completed, images that Gantry has imported or built and that nothing uses, no VM and no `gantry_node_image`, " +
			"and tags that are not Gantry's. " +
			"Objects that a live run works on are left out. Folders cannot be marked in vCenter: it finds those of an incomplete creation, " +
			"and those that hold orphaned VMs of one cluster and nothing else. " +
			"Clusters and gateways of which vCenter shows no VM are among them, whether a state holds them or not. " +
			"What is registered otherwise, and that no state holds any more, is not an orphan: import it.",
		Attributes: map[string]schema.Attribute{
			"orphans": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Orphans, sorted by kind and name. It is empty where there are none.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"kind": text("Kind of object: `vm`, `folder`, `claim` (of an address), `reservation` (of a pool), `lock` or `tag`, " +
						"or the kind of the record: `cluster`, `gateway`, `ip_pool`, `cloud_account` or `image`."),
					"name":        text("Inventory path of a VM or folder, address of a claim, name of a record or tag."),
					"detail":      text("What is known about it, and what it should belong to."),
					"remediation": text("What to do about it."),
				}},
			},
		},
	}
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	found, err := d.find(ctx)
	if err == nil && len(found) > 0 {
		// A live run creates and deletes objects between two calls: what is gone, or
		// belongs to something, in a second read is no orphan.
		var again []finding
		if again, err = d.find(ctx); err == nil {
			found = both(found, again)
		}
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", "orphans", err))
		return
	}
	m := model{Orphans: make([]orphan, 0, len(found))}
	for _, f := range found {
		m.Orphans = append(m.Orphans, f.orphan)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

func (d *dataSource) find(ctx context.Context) ([]finding, error) {
	vcenter, err := d.Connection.VCenter(ctx)
	if err != nil {
		return nil, err
	}
	l, err := d.Connection.Ledger(ctx)
	if err != nil {
		return nil, err
	}
	// The VMs first: a VM that is there has had its record before.
	census, err := vcenter.Census(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := l.Entries(ctx)
	if err != nil {
		return nil, err
	}
	now, err := vsphere.NewTagStore(vcenter).Now(ctx)
	if err != nil {
		return nil, err
	}
	w := newWorld(entries, census.Machines, now)
	w.folder = census.Folder
	w.id = l.ID
	w.folderID = l.FolderID
	w.template = census.Template
	return w.orphans(), nil
}
