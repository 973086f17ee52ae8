package cloudaccount

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/recordcrud"
)

var (
	_ datasource.DataSource              = (*dataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*dataSource)(nil)
)

type dataSource struct{ connection.DataSource }

// lookup is the values of the data source: what the ledger and vCenter say of an account.
// There is no password among them.
type lookup struct {
	recordcrud.Base
	VCenterServer      types.String `tfsdk:"vcenter_server"`
	Username           types.String `tfsdk:"username"`
	CACertificate      types.String `tfsdk:"ca_certificate"`
	InsecureSkipVerify types.Bool   `tfsdk:"insecure_skip_verify"`
	VCenterVersion     types.String `tfsdk:"vcenter_version"`
	InstanceUUID       types.String `tfsdk:"instance_uuid"`
	MissingPrivileges  types.List   `tfsdk:"missing_privileges"`
}

// NewDataSource returns the data source gantry_cloud_account.
func NewDataSource() datasource.DataSource {
	return &dataSource{connection.DataSource{Type: typeName}}
}

// Schema implements datasource.DataSource.
func (d *dataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A cloud account that another workspace created. It has no password: a cluster that takes the whole object, " +
			"`cloud_account = data.gantry_cloud_account.team_a`, gets it from `cloud_account_password_wo`.",
		Attributes: map[string]schema.Attribute{
			"id": text("Identifier of the account, a UUID that is derived from vCenter, gateway and name."),
			"name": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the account. One that does not exist is an error.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"gateway_id": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Id of the gateway that the account belongs to. Defaults to none: the account is then one of the " +
					"system gateway, which is Gantry itself.",
				Validators: []validator.String{attribute.IDOf("gantry_gateway")},
			},
			"vcenter_server": text("Host name or address of the vCenter server."),
			"username":       text("User that clusters are built as."),
			"ca_certificate": text("Certificate authorities that vCenter's certificate is verified against, as PEM text; null where the " +
				"account has none of its own."),
			"insecure_skip_verify": schema.BoolAttribute{
				Computed: true, MarkdownDescription: "Whether any certificate of vCenter's is accepted.",
			},
			"vcenter_version": text("Version of the vCenter server, such as `8.0.3`."),
			"instance_uuid":   text("Instance UUID of the vCenter server, which never changes."),
			"missing_privileges": schema.ListAttribute{
				ElementType: types.StringType,
				Computed:    true,
				MarkdownDescription: "Ids of the privileges that the user lacks on vCenter's root object, of those that Gantry or the CSI " +
					"driver use there; null where vCenter does not say.",
			},
		},
	}
}

// Read implements datasource.DataSource.
func (d *dataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var v lookup
	resp.Diagnostics.Append(req.Config.Get(ctx, &v)...)
	ref, diags := v.Ref(record.KindCloudAccount)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	l, err := d.Connection.Ledger(ctx)
	var rec ledger.Record
	if err == nil {
		rec, err = l.Record(ctx, l.ID(ref))
	}
	if errors.Is(err, ledger.ErrNotFound) {
		resp.Diagnostics.AddAttributeError(path.Root("name"), "Cloud account not found", absent(ref))
		return
	}
	m := model{Base: v.Base}
	if err == nil {
		err = m.SetBody(ctx, rec)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", ref.Describe(), err))
		return
	}
	m.ID = attribute.IDValue(l.ID(ref))
	m.MissingPrivileges = types.ListNull(types.StringType)
	resp.Diagnostics.Append(refresh(ctx, recordcrud.Session{Conn: d.Connection, Ledger: l, Ref: ref, ID: l.ID(ref)}, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &lookup{
		Base:               m.Base,
		VCenterServer:      m.VCenterServer,
		Username:           m.Username,
		CACertificate:      m.CACertificate,
		InsecureSkipVerify: m.InsecureSkipVerify,
		VCenterVersion:     m.VCenterVersion,
		InstanceUUID:       m.InstanceUUID,
		MissingPrivileges:  m.MissingPrivileges,
	})...)
}

// absent says where an account was looked up.
func absent(ref record.Ref) string {
	if ref.GatewayID == uuid.Nil {
		return fmt.Sprintf("vCenter has no record of %s of the system gateway. An account that belongs to a gateway is found with gateway_id.",
			ref.Describe())
	}
	return fmt.Sprintf("vCenter has no record of %s of gateway %s.", ref.Describe(), ref.GatewayID)
}
