package enginecrud

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// created sets how a creation ended. Once the API has answered, a later failure is
// a warning: an error would taint, and a taint destroys at the next apply what
// only needs a repair.
func created(m Model, subject string, out *engine.Outcome, err error, secrets *model.Secrets) diag.Diagnostics {
	diags := setOutcome(m, out, secrets)
	diags.Append(setInherited(m, out.GatewayProxy)...)
	switch {
	case err == nil:
	case out.APIReached && !m.base().FailOnIncompleteCreate():
		diags.AddWarning(fmt.Sprintf("%s is incomplete", diagnostics.Title(subject)), diagnostics.Cause(err)+
			"\n\nIts API answers, so it is kept with the state Degraded. The next plan shows the remaining steps, and apply runs them.")
	case out.ID == uuid.Nil:
		diags.Append(refusal("create", m, subject, err)...)
	default:
		diags.AddError("Unable to create "+subject, diagnostics.Cause(err)+
			"\n\nIt is kept in the state and tainted: the next apply destroys and re-creates it. "+
			"To resume instead, run `terraform untaint` (or `tofu untaint`) on it and apply; "+
			"a control plane whose first boot failed is built anew in its place, with other certificate authorities.")
	}
	return diags
}

// updated sets how an update ended.
func updated(m Model, subject string, out *engine.Outcome, err error, secrets *model.Secrets) diag.Diagnostics {
	diags := setOutcome(m, out, secrets)
	if err != nil {
		diags.Append(refusal("update", m, subject, err)...)
	}
	return diags
}

// refusal is the error of an apply. What speaks against its plan stands on the attributes.
func refusal(verb string, m Model, subject string, err error) diag.Diagnostics {
	var refused *model.PlanError
	if !errors.As(err, &refused) {
		return diag.Diagnostics{diagnostics.FromError(verb, subject, err)}
	}
	var diags diag.Diagnostics
	for _, problem := range refused.Problems {
		problem.Detail = problem.Summary + ": " + problem.Detail
		problem.Summary = "Unable to " + verb + " " + subject
		diags.Append(diagnostics.Problem(problem, m.AttributePath))
	}
	return diags
}

func setOutcome(m Model, out *engine.Outcome, secrets *model.Secrets) diag.Diagnostics {
	var diags diag.Diagnostics
	computed := &m.base().Computed
	for _, warning := range out.Warnings {
		diags.Append(diagnostics.Warning(warning, m.AttributePath))
	}
	if computed.PlannedChanges.IsUnknown() && out.Changes != nil {
		computed.SetChanges(out.Changes)
	}
	if out.Status != nil {
		computed.SetStatus(out.Status, secrets, time.Now())
		setServices(m, out.Status)
	}
	return diags
}
