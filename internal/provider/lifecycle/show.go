package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Show writes what a plan will do into the planned values, by Terraform's rules:
// a plan without steps keeps the prior list; where only the world has moved, the
// list and the status are what makes Terraform call Update at all.
func Show(ctx context.Context, prior, planned *Computed, p *engine.Plan, conn *connection.Connection, resp *resource.ModifyPlanResponse, field func(engine.Field) engine.Field) {
	stranger := p.Collision == "" || !conn.Seen(p.Collision)
	for _, problem := range p.Problems {
		problem.Field = field(problem.Field)
		if problem.Field == "name" && !stranger {
			// The create leg of a replacement: what stands in the way is the
			// resource itself, about to be destroyed. Apply decides.
			d := diagnostics.Problem(problem)
			resp.Diagnostics.AddWarning(d.Summary(), "The one that is there is this resource before its replacement. "+d.Detail())
			continue
		}
		resp.Diagnostics.Append(diagnostics.Problem(problem))
	}
	for _, w := range p.Warnings {
		w.Field = field(w.Field)
		d := diagnostics.Problem(w)
		resp.Diagnostics.AddWarning(d.Summary(), d.Detail())
	}
	for id, at := range p.Unregistered {
		if conn.Planned(id) {
			continue
		}
		if damage := p.Damaged[id]; damage != nil {
			resp.Diagnostics.Append(diagnostics.Problem(engine.Problem{
				Field: field(at), Summary: "The record of the IP pool is damaged", Detail: diagnostics.Detail(damage),
			}))
			continue
		}
		resp.Diagnostics.Append(diagnostics.Problem(engine.Problem{
			Field: field(at), Summary: "No such IP pool",
			Detail: fmt.Sprintf("No IP pool with the id %q is registered in this vCenter, and none is about to be made by this provider. A pool belongs to the vCenter that it was made in.", id),
		}))
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if p.Unfinished != "" && !conn.Seen(p.Unfinished) {
		resp.Diagnostics.AddWarning("An unfinished creation is taken over",
			"Something of this name is registered in vCenter whose creation never came to an end, as after a run that was killed. This creation goes on with its names and addresses, and builds its nodes again where their certificate authorities are lost.")
	}
	if p.Unknown || p.Collision != "" {
		planned.unknownStatus()
		planned.PlannedChanges = types.ListUnknown(changeType)
		resp.Diagnostics.Append(writeShown(ctx, resp.Private, nil)...)
		return
	}
	changes := p.Changes()
	resp.Diagnostics.Append(writeShown(ctx, resp.Private, &changes)...)
	switch {
	case len(changes) > 0:
		planned.unknownStatus()
		if slices.ContainsFunc(changes, func(c engine.Change) bool { return c.Action == engine.ActionRenewKubeconfig }) {
			planned.Kubeconfig = types.StringUnknown()
		}
		resp.Diagnostics.Append(planned.SetChanges(ctx, changes)...)
	case prior != nil && !prior.PlannedChanges.IsNull():
		planned.PlannedChanges = prior.PlannedChanges
	default:
		resp.Diagnostics.Append(planned.SetChanges(ctx, changes)...)
	}
}

// ShowUnknown marks the steps as not known yet.
func ShowUnknown(ctx context.Context, planned *Computed, resp *resource.ModifyPlanResponse) {
	planned.unknownStatus()
	planned.PlannedChanges = types.ListUnknown(changeType)
	resp.Diagnostics.Append(writeShown(ctx, resp.Private, nil)...)
}

// ShowDestroy tells, as a warning, what a destruction will do.
func ShowDestroy(p *engine.Plan, thing, name string, diags *diag.Diagnostics) {
	if len(p.Steps) == 0 {
		return
	}
	lines := make([]string, len(p.Steps))
	for i, c := range p.Changes() {
		lines[i] = "  " + c.String()
	}
	diags.AddWarning(fmt.Sprintf("Destroying %s %q", thing, name),
		"Destroying it takes these steps. Disks that Gantry did not make are detached and kept.\n"+strings.Join(lines, "\n"))
}
