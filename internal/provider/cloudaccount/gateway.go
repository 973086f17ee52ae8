package cloudaccount

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/recordcrud"
)

// defaultCreateTimeout bounds the wait for a gateway that another run works on.
const defaultCreateTimeout = 60 * time.Minute

// gatewayPath is the attribute that findings about an account's gateway are about.
var gatewayPath = path.Root("gateway_id")

// planGateway says of the creation of an account what its gateway's state means for it. A
// gateway that the same run creates or changes is judged by the apply.
func planGateway(ctx context.Context, p recordcrud.Planning[*model]) diag.Diagnostics {
	id, diags := attribute.ParseID(p.Planned.GatewayID, gatewayPath)
	if diags.HasError() || id == uuid.Nil || p.Prior != nil || p.Conn.PlannedGateway(id).Changed {
		return diags
	}
	l, err := p.Conn.Ledger(ctx)
	var life engine.Life
	if err == nil {
		life, err = engine.ReadLife(ctx, l.Recent(enginemodel.DefaultTiming().ReadMaxAge), id)
	}
	if err != nil {
		return diag.Diagnostics{diagnostics.FromError("read the gateway of", p.Planned.subject(), err)}
	}
	f := life.ForCreation(enginemodel.Field{})
	if life.State() == "" || !p.Conn.Planning() {
		// It may be that another configuration of the provider creates it or is at work on it,
		// and of an apply nothing else may fail than the creation.
		f.WarnOfAll()
	}
	return gatewayDiagnostics(f)
}

// awaitGateway waits for a gateway that another run works on, and refuses to create an
// account of one that is not fit for it. A run on an agent of that gateway does not wait,
// since what works on the gateway may wait for that agent.
func awaitGateway(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	if s.Ref.GatewayID == uuid.Nil {
		return nil
	}
	timeout, diags := m.Timeouts.Create(ctx, defaultCreateTimeout)
	if diags.HasError() {
		return diags
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	inside, err := s.Conn.Inside()
	var life engine.Life
	switch {
	case err != nil:
	case inside == s.Ref.GatewayID:
		life, err = engine.ReadLife(ctx, s.Ledger, s.Ref.GatewayID)
	default:
		life, _, err = engine.AwaitGateway(ctx, s.Ledger, s.Ref.GatewayID)
	}
	if err != nil {
		return diag.Diagnostics{diagnostics.AttributeError(gatewayPath, "Unable to create "+m.subject(), diagnostics.Detail(err))}
	}
	return gatewayDiagnostics(life.ForCreation(enginemodel.Field{}))
}

func gatewayDiagnostics(f enginemodel.Findings) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, problem := range f.Problems {
		diags.Append(diagnostics.AttributeError(gatewayPath, problem.Summary, problem.Detail))
	}
	for _, warning := range f.Warnings {
		diags.Append(diagnostics.AttributeWarning(gatewayPath, warning.Summary, warning.Detail))
	}
	return diags
}
