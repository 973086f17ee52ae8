package engine

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var gatewayField = model.ClusterField(model.FieldGateway)

// planThrough prepares the plan of a creation through a gateway: the spec takes the
// gateway's proxy where it is known, and findings are what speaks against the gateway, or
// is to be known of it. One that the same run creates or changes is judged by the apply.
func (e *Engine) planThrough(ctx context.Context, spec *model.ClusterSpec) (findings model.Findings, err error) {
	id := spec.GatewayID
	if id == uuid.Nil {
		return findings, nil
	}
	var planned model.PlannedGateway
	if e.PlannedGateway != nil {
		planned = e.PlannedGateway(id)
	}
	if !planned.Changed {
		life, err := ReadLife(ctx, e.Ledger.Recent(e.Timing.ReadMaxAge), id)
		if err != nil {
			return findings, fmt.Errorf("read the state of gateway %s: %w", id, err)
		}
		findings = plannedFindings(life)
		if !planned.Planned {
			planned.Proxy = life.Record.Proxy
		}
	}
	if !planned.ProxyUnknown {
		findings.Add(inheritProxy(spec, planned.Proxy))
	}
	return findings, nil
}

// plannedFindings are what a plan says of a gateway in the ledger.
func plannedFindings(life Life) model.Findings {
	f := life.ForCreation(gatewayField)
	for i := range f.Problems {
		f.Problems[i].Contested = true // another configuration of the provider may be at work
	}
	if life.State() != "" {
		return f
	}
	// Nothing is known of what another configuration of the provider creates.
	for _, absent := range f.Problems {
		absent.Detail += " Unless another configuration of the provider, such as an alias, creates it in the same run, " +
			"the apply is refused and touches nothing."
		f.Warnings = append(f.Warnings, absent)
	}
	f.Problems = nil
	return f
}

// inheritProxy has a creation that asks for it take the proxy of its gateway. What the
// record leaves out, such as a password, the configuration has to say.
func inheritProxy(spec *model.ClusterSpec, proxy *record.Proxy) model.Findings {
	var f model.Findings
	if !spec.InheritProxy || proxy == nil {
		return f
	}
	if len(proxy.Omits) > 0 {
		f.Refuse(model.ClusterField(model.FieldProxy), "The gateway's proxy has to be given",
			"Without proxy, %s takes the proxy of its gateway, as the gateway's record has it, which leaves out: %s. "+
				"Set proxy as the gateway has it, such as from the same variable, or to {} for no proxy.",
			spec.Describe(), model.Listed(proxy.Omits))
		return f
	}
	spec.Proxy = model.ProxyOf(proxy)
	spec.GatewayProxy = proxy
	return f
}

// gatewayTurn waits until no other run works on the gateway that something is created
// through, and refuses what may not be made through it: before anything is touched. The
// spec takes the gateway's proxy. A run on an agent of that gateway does not wait, since
// its roll waits for that agent.
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
	judged.Add(inheritProxy(spec, life.Record.Proxy))
	if waited != nil {
		warnings = []model.Finding{model.NewFinding(gatewayField, "Waited for another run",
			"Another run was working on %s: %s.", life.Ref.Describe(), waited)}
	}
	return warnings, judged.Err()
}
