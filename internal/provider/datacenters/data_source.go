// Package datacenters is the data source gantry_datacenters.
package datacenters

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct{ connection.DataSource }

// NewDataSource returns the data source gantry_datacenters.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: "gantry_datacenters"}}
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	vcenter, err := d.Connection.VCenter(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", "the datacenters", err))
		return
	}
	list, err := vcenter.Datacenters(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", "the datacenters", err))
		return
	}
	if len(list) == 0 {
		resp.Diagnostics.AddError("No datacenter found",
			"The provider's user may see no datacenter of vCenter. It needs the privilege Read on the datacenters that clusters are built in.")
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, fromInventory(list))...)
}
