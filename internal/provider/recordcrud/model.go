package recordcrud

import (
	"context"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// Base are the values that identify a record. A Model embeds it.
type Base struct {
	ID        types.String `tfsdk:"id"`
	Name      types.String `tfsdk:"name"`
	GatewayID types.String `tfsdk:"gateway_id"`
	// Incarnation is the creation that the record belongs to. The driver sets it from
	// private state before Body, and SetBody from the record.
	Incarnation record.Incarnation `tfsdk:"-"`
}

// based is implemented by what embeds Base.
type based interface{ base() *Base }

var _ based = (*Base)(nil)

func (b *Base) base() *Base { return b }

// Ref refers to the record, once name and gateway are known.
func (b *Base) Ref(kind record.Kind) (record.Ref, diag.Diagnostics) {
	gateway, diags := attribute.ParseID(b.GatewayID, path.Root("gateway_id"))
	return record.Ref{Kind: kind, GatewayID: gateway, Name: b.Name.ValueString()}, diags
}

// Model is the values of a resource that is a record; its type embeds Base.
type Model interface {
	based
	// Body is the body of the record, of package record. Its values are known.
	Body(ctx context.Context) (any, diag.Diagnostics)
	// SetBody sets what a record says.
	SetBody(ctx context.Context, r ledger.Record) error
}

// Session is what a hook works with.
type Session struct {
	Conn   *connection.Connection
	Ledger *ledger.Ledger
	Ref    record.Ref
	ID     uuid.UUID // of the record
}

// Recent reads the ledger for who only looks: the resources of a refresh ask for the same
// list, and for the same records.
func (s Session) Recent() ledger.Reader { return s.Ledger.Recent(model.DefaultTiming().ReadMaxAge) }

// Planning is a plan of a record; Prior is nil in a creation. Planned has what the
// driver plans itself: the id.
type Planning[M any] struct {
	Conn           *connection.Connection
	Prior, Planned M
	Request        resource.ModifyPlanRequest
	Response       *resource.ModifyPlanResponse
}

// Hooks are what one resource does beyond keeping its record. Any may be nil.
type Hooks[M any] struct {
	// Validate checks what is known of a configuration or plan.
	Validate func(ctx context.Context, m M) diag.Diagnostics
	// Plan plans and checks the rest.
	Plan func(ctx context.Context, p Planning[M])

	// BeforeCreate checks again what the plan checked.
	BeforeCreate func(ctx context.Context, s Session, m M) diag.Diagnostics
	// AfterCreate checks once more when the record is there; an error deletes it.
	AfterCreate func(ctx context.Context, s Session, m M) diag.Diagnostics
	// Update changes what the plan says, the record included; nil writes the record.
	Update func(ctx context.Context, s Session, prior, planned M) diag.Diagnostics
	// Users are words for what uses a record that is to be deleted, beside the records
	// that depend on it, as far as it is not deleted in the same run.
	Users func(ctx context.Context, s Session, m M) []string
	// BeforeDelete refuses to delete what is in use.
	BeforeDelete func(ctx context.Context, s Session, m M) diag.Diagnostics

	// Written sets computed values after a create or an update, which a failure to
	// read them does not undo.
	Written func(ctx context.Context, s Session, m M) diag.Diagnostics
	// Refresh sets computed values in a refresh.
	Refresh func(ctx context.Context, s Session, m M) diag.Diagnostics
	// Damaged says what is done about a damaged record; nil: it is an error. Where it
	// is a warning, the next plan has IsDamaged true.
	Damaged func(m M, err error) diag.Diagnostic
}
