package engine

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

var gatewayField = model.ClusterField(model.FieldGateway)

// judgeGateway adds to the plan of a creation what speaks against its gateway, or is to
// be known of it. One that the same run creates or changes is judged by the apply.
func (e *Engine) judgeGateway(ctx context.Context, spec *model.ClusterSpec, p *model.Plan) error {
	id := spec.GatewayID
	if id == uuid.Nil || e.PlannedGateway != nil && e.PlannedGateway(id).Changed {
		return nil
	}
	life, err := ReadLife(ctx, e.Ledger.Recent(e.Timing.ReadMaxAge), id)
	if err != nil {
		return fmt.Errorf("read the state of gateway %s: %w", id, err)
	}
	f := life.ForCreation(gatewayField)
	for i := range f.Problems {
		f.Problems[i].Contested = true // another configuration of the provider may be at work
	}
	if life.State() == "" {
		// Nothing is known of what another configuration of the provider creates.
		for _, absent := range f.Problems {
			absent.Detail += " Unless another configuration of the provider, such as an alias, creates it in the same run, " +
				"the apply is refused and touches nothing."
			f.Warnings = append(f.Warnings, absent)
		}
		f.Problems = nil
	}
	p.Add(f)
	return nil
}

// gatewayTurn waits until no other run works on the gateway that something is created
// through, and refuses what may not be made through it: before anything is touched. A
// run on an agent of that gateway does not wait, since its roll waits for that agent.
func (e *Engine) gatewayTurn(ctx context.Context, spec *model.ClusterSpec) (warnings []model.Finding, err error) {
	if !spec.New || spec.GatewayID == uuid.Nil {
		return nil, nil
	}
	var life Life
	var waited *ledger.Waited
	err = run.Retry(ctx, e.Timing, func(ctx context.Context) error {
		if e.Inside == spec.GatewayID {
			life, err = ReadLife(ctx, e.Ledger, spec.GatewayID)
			return err
		}
		life, waited, err = AwaitGateway(ctx, e.Ledger, spec.GatewayID)
		return err
	})
	if err != nil {
		return nil, err
	}
	judged := life.ForCreation(gatewayField)
	if waited != nil {
		warnings = []model.Finding{model.NewFinding(gatewayField, "Waited for another run",
			"Another run was working on %s: %s.", life.Ref.Describe(), waited)}
	}
	return warnings, judged.Err()
}
