package connection

import (
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

// FromDataSource is the Configure of a data source, as FromResource is that of
// a resource.
func FromDataSource(req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) *Connection {
	c, err := assert(req.ProviderData)
	if err != nil {
		resp.Diagnostics.AddError("Unable to configure the data source", err.Error())
	}
	return c
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
