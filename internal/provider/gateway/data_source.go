package gateway

import (
	"context"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
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
	NodeCount           types.Int64  `tfsdk:"node_count"`
	IPPoolID            types.String `tfsdk:"ip_pool_id"`
	DefaultCloudAccount types.Object `tfsdk:"default_cloud_account"`
}

// NewDataSource returns the data source gantry_gateway.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: typeName}}
}

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	attributes := enginecrud.LookupAttributes("gateway")
	attributes["node_count"] = schema.Int64Attribute{
		Computed:            true,
		MarkdownDescription: "Number of nodes that have a VM. Each node runs an agent.",
	}
	attributes["ip_pool_id"] = text("Id of the IP pool that the nodes' addresses come from, inline or not; null before there is one, " +
		"and with DHCP. " +
		"It is what `ip_pool_id` of a cluster's placement takes, where the pool is not restricted to the gateway.")
	attributes["default_cloud_account"] = schema.SingleNestedAttribute{
		Computed: true,
		MarkdownDescription: "The identity of this provider as a cloud account of the gateway, without a password: " +
			"`cloud_account = data.gantry_gateway.dc1.default_cloud_account` builds a cluster with this provider's own login.",
		Attributes: lookupAccountAttributes(),
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A gateway that another workspace has made, by its name: what is made through it needs its `id`, its " +
			"`default_cloud_account` and perhaps its `ip_pool_id`.",
		Attributes: attributes,
	}
}

// lookupAccountAttributes are the schema of default_cloud_account.
func lookupAccountAttributes() map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{}
	for name, typ := range accountTypes {
		if typ == types.BoolType {
			attributes[name] = schema.BoolAttribute{Computed: true, MarkdownDescription: accountTexts[name]}
			continue
		}
		attributes[name] = schema.StringAttribute{Computed: true, Sensitive: name == "password", MarkdownDescription: accountTexts[name]}
	}
	return attributes
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m lookup
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	found, diags := m.Find(ctx, d.Connection, record.Ref{Kind: record.KindGateway, Name: m.Name.ValueString()})
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.IPPoolID = types.StringNull()
	if id := ipPoolOf(found); id != uuid.Nil {
		m.IPPoolID = attribute.IDValue(id)
	}
	m.NodeCount = types.Int64Value(int64(m.CountNodes()))
	account := record.Ref{Kind: record.KindCloudAccount, GatewayID: found.ID, Name: defaultAccount}
	m.DefaultCloudAccount, diags = accountValue(d.Connection.Login(), found.ID, found.Engine.Ledger.ID(account))
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// ipPoolOf is the IP pool that a gateway's nodes live on: it never changes.
func ipPoolOf(found *enginecrud.Found) uuid.UUID {
	if found.Facts != nil {
		for _, m := range found.Facts.Machines {
			if m.Marker.IPPool != uuid.Nil {
				return m.Marker.IPPool
			}
		}
	}
	if pools := found.Life.Record.IPPools; len(pools) > 0 {
		return pools[0]
	}
	return uuid.Nil
}
