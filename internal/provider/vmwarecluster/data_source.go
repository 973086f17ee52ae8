package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct{ connection.DataSource }

// lookup is the values of the data source.
type lookup struct {
	enginecrud.Lookup
	GatewayID   types.String `tfsdk:"gateway_id"`
	Description types.String `tfsdk:"description"`
	Tags        types.Map    `tfsdk:"tags"`
}

// NewDataSource returns the data source gantry_vmware_cluster.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: typeName}}
}

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := enginecrud.LookupAttributes("cluster")
	attributes["gateway_id"] = schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Id of the gateway that the cluster belongs to. Defaults to none: the cluster is then one of the system " +
			"gateway, which is Gantry itself.",
		Validators: []validator.String{attribute.IDOf("gantry_gateway")},
	}
	attributes["description"] = schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "Description of the cluster for people; null for none.",
	}
	attributes["tags"] = schema.MapAttribute{
		Computed:            true,
		ElementType:         types.StringType,
		MarkdownDescription: "Tags of the cluster for people; null for none.",
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A cluster that another workspace has made, by its name: what vCenter knows of it. Its kubeconfig is in the state " +
			"of that workspace alone.",
		Attributes: attributes,
	}
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m lookup
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	gateway, diags := attribute.ParseID(m.GatewayID, path.Root("gateway_id"))
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	found, diags := m.Find(ctx, d.Connection, record.Ref{Kind: record.KindCluster, GatewayID: gateway, Name: m.Name.ValueString()})
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.Description = types.StringNull()
	if text := found.Life.Record.Description; text != "" {
		m.Description = types.StringValue(text)
	}
	m.Tags = types.MapNull(types.StringType)
	if tags := found.Life.Record.Tags; len(tags) > 0 {
		m.Tags, diags = types.MapValueFrom(ctx, types.StringType, tags)
		resp.Diagnostics.Append(diags...)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
