package ippool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct{ connection.DataSource }

// lookup is the values of the data source: the pool, and who holds its addresses.
type lookup struct {
	model
	IncludeAllocations types.Bool            `tfsdk:"include_allocations"`
	Allocations        map[string]allocation `tfsdk:"allocations"`
}

// allocation is an address in use; what cannot be read of its claim is null.
type allocation struct {
	ClusterID *string `tfsdk:"cluster_id"`
	Owner     *string `tfsdk:"owner"`
	Since     *string `tfsdk:"since"`
}

// NewDataSource returns the data source gantry_ip_pool.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: typeName}}
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m lookup
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	ref, diags := m.Ref(record.KindIPPool)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	l, err := d.Connection.Ledger(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.subject(), err))
		return
	}
	id := l.ID(ref)
	rec, err := l.Record(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "IP pool not found", absent(ref))
		return
	}
	if err == nil {
		err = m.SetBody(ctx, rec)
	}
	if err == nil {
		err = m.read(ctx, l, id)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.subject(), err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// read sets what the ledger says beyond the record.
func (m *lookup) read(ctx context.Context, l *ledger.Ledger, id uuid.UUID) error {
	m.ID = attribute.IDValue(id)
	pool, snapshot, err := m.readUsage(ctx, l, id)
	if err == nil && m.IncludeAllocations.ValueBool() {
		m.Allocations, err = allocations(ctx, l, pool, snapshot)
	}
	return err
}

// absent says where a pool was looked up.
func absent(ref record.Ref) string {
	if ref.GatewayID == uuid.Nil {
		return fmt.Sprintf("vCenter has no record of %s of the system gateway. A pool that belongs to a gateway is found with gateway_id.",
			ref.Describe())
	}
	return fmt.Sprintf("vCenter has no record of %s of gateway %s.", ref.Describe(), ref.GatewayID)
}

// allocations are the addresses in use, by address: one call each.
func allocations(ctx context.Context, l *ledger.Ledger, pool ledger.IPPool, snapshot *ledger.Snapshot) (map[string]allocation, error) {
	held, err := l.Allocations(ctx, pool, snapshot)
	if err != nil {
		return nil, err
	}
	out := make(map[string]allocation, len(held))
	for _, a := range held {
		var known allocation
		if a.Owner.Known() {
			cluster := a.Owner.Cluster.String()
			known.ClusterID = &cluster
			known.Owner = &a.Owner.Node
		}
		if !a.Since.IsZero() {
			since := a.Since.UTC().Format(time.RFC3339)
			known.Since = &since
		}
		out[a.Address.String()] = known
	}
	return out, nil
}
