package connection

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// FromResource is the Configure of a resource: it returns nil, without an
// error, where Terraform only validates and the provider is not configured.
func FromResource(req resource.ConfigureRequest, resp *resource.ConfigureResponse) *Connection {
	c, err := assert(req.ProviderData)
	if err != nil {
		resp.Diagnostics.AddError("Unable to configure the resource", err.Error())
	}
	return c
}

// DataSource is what all data sources have alike.
type DataSource struct {
	Type       string      // its name in configurations
	Connection *Connection // nil before the provider is configured
}

// Metadata implements datasource.DataSource.
func (d *DataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = d.Type
}

// Configure implements datasource.DataSourceWithConfigure.
func (d *DataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	c, err := assert(req.ProviderData)
	if err != nil {
		resp.Diagnostics.AddError("Unable to configure the data source", err.Error())
	}
	d.Connection = c
}

func assert(data any) (*Connection, error) {
	if data == nil {
		return nil, nil
	}
	c, ok := data.(*Connection)
	if !ok {
		return nil, fmt.Errorf("the provider handed over a %T, not a connection: this is a bug in the provider, please report it", data)
	}
	return c, nil
}
