package ippool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct {
	connection *connection.Connection
}

// lookup is the data source: the pool, and who holds its addresses.
type lookup struct {
	model
	IncludeAllocations types.Bool            `tfsdk:"include_allocations"`
	Allocations        map[string]allocation `tfsdk:"allocations"`
}

// allocation is an address in use; what its claim does not tell is null.
type allocation struct {
	ClusterID *string `tfsdk:"cluster_id"`
	Owner     *string `tfsdk:"owner"`
	Since     *string `tfsdk:"since"`
}

// NewDataSource answers the data source gantry_ip_pool.
func NewDataSource() datasource.DataSource { return &dataSource{} }

// Metadata names the data source.
func (d *dataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = typeName
}

// Configure takes the connection.
func (d *dataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.connection = connection.FromDataSource(req, resp)
}

// Read looks the pool up by its name.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m lookup
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	l, err := d.connection.Ledger(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
		return
	}
	id := m.key().ID(l)
	rec, err := l.Record(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "No such IP pool", m.absent())
		return
	}
	var body record.IPPool
	if err == nil {
		body, err = rec.IPPool()
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
		return
	}
	m.ID = types.StringValue(id.String())
	resp.Diagnostics.Append(m.SetBody(ctx, body)...)
	if resp.Diagnostics.HasError() {
		return
	}
	pool, taken, err := m.readUsage(ctx, l)
	if err == nil && m.IncludeAllocations.ValueBool() {
		m.Allocations, err = allocations(ctx, l, pool, taken)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// absent says where the pool was looked for.
func (m *lookup) absent() string {
	if m.GatewayID.ValueString() == "" {
		return fmt.Sprintf("vCenter has no record of %s of the system gateway. A pool that belongs to a gateway is found with gateway_id.", m.thing())
	}
	return fmt.Sprintf("vCenter has no record of %s of gateway %s.", m.thing(), m.GatewayID.ValueString())
}

// allocations are the addresses in use, by address: one call for each.
func allocations(ctx context.Context, l *ledger.Ledger, pool ledger.IPPool, taken *ledger.Snapshot) (map[string]allocation, error) {
	held, err := l.Allocations(ctx, pool, taken)
	if err != nil {
		return nil, err
	}
	out := make(map[string]allocation, len(held))
	for _, a := range held {
		since := ""
		if !a.Since.IsZero() {
			since = a.Since.UTC().Format(time.RFC3339)
		}
		out[a.Address.String()] = allocation{ClusterID: known(clusterText(a.Owner)), Owner: known(a.Owner.Node), Since: known(since)}
	}
	return out, nil
}

// clusterText is the id of a claim's cluster; empty where it cannot be read.
func clusterText(owner ledger.Owner) string {
	if !owner.Known() {
		return ""
	}
	return owner.Cluster.String()
}

func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
