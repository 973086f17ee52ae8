package enginecrud

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/printable"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Run is what the resources of one run of Terraform know of each other.
type Run interface {
	// Seen reports whether a state with the id was read.
	Seen(id uuid.UUID) bool
	// Applying reports whether this is known to be an apply, in which Terraform plans once
	// more.
	Applying() bool
}

// PlanView is a plan and the values that show it.
type PlanView struct {
	Plan *model.Plan
	// Subject names the object in messages.
	Subject string
	// Planning reports of a creation whether it is known to be planned and not applied.
	Planning func() bool
	// Prior are the values before the plan; nil in a creation. Planned are those
	// after it.
	Prior, Planned *Computed
	AttributePath  func(model.Field) path.Path
	Run            Run
}

// Show sets the steps of a plan in the planned values, by Terraform's rules: a plan
// without steps keeps the prior list; where only the world has moved, the list and
// the status are what makes Terraform call Update at all. It returns the steps that
// an apply may run; nil where they are not known.
func Show(view PlanView) (*[]model.Change, diag.Diagnostics) {
	diags := showFindings(view)
	diags.Append(showCollision(view)...)
	diags.Append(showMissingIPPools(view)...)
	if diags.HasError() {
		return nil, diags
	}
	if view.Plan.Unfinished != uuid.Nil && !view.Run.Seen(view.Plan.Unfinished) {
		diags.AddWarning("Resuming an incomplete creation",
			"vCenter holds a record of this name whose creation never completed, such as after a run that was killed. "+
				"This creation resumes it with its names, and the addresses that it holds of IP pools, "+
				"and builds its nodes again where their certificate authorities are lost.")
	}
	changes := view.Plan.Changes()
	switch {
	case len(changes) > 0:
		view.Planned.markStatusUnknown()
		if view.Plan.RenewsAuthorities {
			view.Planned.Kubeconfig = types.StringUnknown()
		}
		view.Planned.SetChanges(changes)
	case view.Prior != nil && !view.Prior.PlannedChanges.IsNull():
		view.Planned.PlannedChanges = view.Prior.PlannedChanges
	default:
		view.Planned.SetChanges(changes)
	}
	return &changes, diags
}

// showFindings are the problems and warnings of a plan.
func showFindings(view PlanView) diag.Diagnostics {
	diags := diagnostics.Problems(view.Plan.Problems, view.AttributePath)
	for _, warning := range view.Plan.Warnings {
		diags.Append(diagnostics.Warning(warning, view.AttributePath))
	}
	return diags
}

// showCollision describes something else that has the name. In an apply it may be the
// former self of the resource, and a plan may not fail.
func showCollision(view PlanView) diag.Diagnostics {
	if view.Plan.Collision == uuid.Nil {
		return nil
	}
	at := view.AttributePath(model.ClusterField(model.FieldClusterName))
	summary := diagnostics.Title(view.Subject) + " exists"
	detail := fmt.Sprintf("vCenter holds a record of this name, with the id %s. ", view.Plan.Collision)
	if view.Planning() && !view.Run.Seen(view.Plan.Collision) {
		return diag.Diagnostics{diagnostics.AttributeError(at, summary, detail+"Choose another name, or import it.")}
	}
	return diag.Diagnostics{diagnostics.AttributeWarning(at, summary, detail+
		"Unless this run deletes it before, the apply is refused and touches nothing. Choose another name, or import it.")}
}

// showMissingIPPools says what is known of IP pools that are not there. In an apply a
// plan may not fail, and the apply itself refuses them.
func showMissingIPPools(view PlanView) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, missing := range view.Plan.MissingIPPools {
		show := diagnostics.AttributeError
		if view.Prior == nil && view.Run.Applying() {
			show = diagnostics.AttributeWarning
		}
		at := view.AttributePath(missing.Field)
		switch {
		case missing.Fate == model.IPPoolUnknown: // the apply checks what it will be
		case missing.Fate == model.IPPoolDeleted:
			diags.Append(show(at, "IP pool to be deleted", fmt.Sprintf(
				"The IP pool with the id %q is deleted, or gets another id, in the same run. "+
					"Reference the id of a gantry_ip_pool that stays, and do not write it out.", missing.ID)))
		case missing.Damage != nil:
			diags.Append(show(at, "IP pool record damaged", diagnostics.Detail(missing.Damage)))
		case missing.ID.Version() != derivedID:
			diags.Append(show(at, "IP pool not found", notFound(missing.ID)+" It is not the id of an IP pool."))
		default:
			diags.Append(diagnostics.AttributeWarning(at, "IP pool not found", notFound(missing.ID)+
				" Unless another configuration of the provider, such as an alias, creates it in the same run, "+
				"the apply is refused and touches nothing. What can be checked with the pool alone is checked then, before anything is touched."))
		}
	}
	return diags
}

// derivedID is the version of the UUIDs of IP pools, which are derived from their names.
const derivedID = 5

func notFound(id uuid.UUID) string {
	return fmt.Sprintf("No IP pool with the id %q is registered in this vCenter, and this configuration of the provider does not plan one. "+
		"Reference the id of a gantry_ip_pool resource or data source, and do not write it out. "+
		"A pool belongs to the vCenter that it was created in: check vcenter_server of the provider where the pool exists.", id)
}

// maxChange bounds a line that shows a step: a folder's path is as the record has it.
const maxChange = 400

// ShowDestroy are the warnings that list the steps of a destruction, and what speaks
// against it now: another resource may be deleted before, so that only the apply knows.
func ShowDestroy(subject string, plan *model.Plan, attribute func(model.Field) path.Path) diag.Diagnostics {
	var diags diag.Diagnostics
	for _, problem := range plan.Problems {
		problem.Detail += " Unless that changes before, the apply does not destroy it."
		diags.Append(diagnostics.Warning(problem, attribute))
	}
	for _, warning := range plan.Warnings {
		diags.Append(diagnostics.Warning(warning, attribute))
	}
	if plan.Empty() {
		return diags
	}
	var lines []string
	for _, change := range plan.Changes() {
		lines = append(lines, "  "+printable.Line(change.String(), maxChange))
	}
	diags.AddWarning("Destroying "+subject,
		"Destroying it takes these steps. Disks that Gantry did not create are detached and kept.\n"+strings.Join(lines, "\n"))
	return diags
}
