package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
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
	Kubeconfig  types.String `tfsdk:"kubeconfig"`
	Services    types.Map    `tfsdk:"services"`
	Usage       types.Object `tfsdk:"usage"`
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
	attributes["kubeconfig"] = schema.StringAttribute{
		Optional:  true,
		Sensitive: true,
		MarkdownDescription: "Kubeconfig by which the cluster's API is asked for `services` and `usage`, such as of the resource, or of a user " +
			"with a client certificate who may list services and, for `usage`, nodes and pods. Defaults to none: the API is not asked.",
	}
	attributes["services"] = enginecrud.LookupServices("null without `kubeconfig`.")
	attributes["usage"] = usageAttribute()
	resp.Schema = schema.Schema{
		MarkdownDescription: "A cluster that another workspace has made, by its name: what vCenter knows of it and, with a kubeconfig, what " +
			"its API says of services and usage. Its administrator's kubeconfig is in the state of that workspace alone.",
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
	resp.Diagnostics.Append(m.askAPI(ctx, d.Connection)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// askAPI sets what the cluster's API says, where there is a kubeconfig for it.
func (l *lookup) askAPI(ctx context.Context, conn *connection.Connection) diag.Diagnostics {
	l.Services = enginecrud.NoServices()
	l.Usage = types.ObjectNull(usageTypes)
	if l.Kubeconfig.IsNull() {
		return nil
	}
	failed := func(err error) diag.Diagnostics {
		return diag.Diagnostics{diagnostics.AttributeError(path.Root("kubeconfig"), "Unable to ask the cluster's API", diagnostics.Detail(err))}
	}
	api, err := conn.Kube().Connect([]byte(l.Kubeconfig.ValueString()), pki.KeyPair{})
	if err != nil {
		return failed(err)
	}
	services, err := api.Services(ctx)
	if err != nil {
		return failed(err)
	}
	l.Services = enginecrud.ServicesValue(services)
	usage, err := api.Usage(ctx)
	if err != nil {
		return diag.Diagnostics{diagnostics.AttributeWarning(path.Root("kubeconfig"), "Usage is not known", diagnostics.Detail(err))}
	}
	l.Usage = usageValue(usage)
	return nil
}
