package lifecycle

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// ModifyPlan looks at the world and shows what an apply will do.
func (d *Driver[T, M]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if d.Conn == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		d.planDestroy(ctx, req, resp)
		return
	}
	m := M(new(T))
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	var prior M
	var replaces bool
	if !req.State.Raw.IsNull() {
		prior = new(T)
		resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
		if resp.Diagnostics.HasError() {
			return
		}
		d.Conn.MarkSeen(prior.Base().ID.ValueString())
		var diags diag.Diagnostics
		replaces, diags = d.Rules.Judge(req.State.Raw, req.Plan.Raw, d.Filled)
		resp.Diagnostics.Append(diags...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if replaces {
		// Terraform plans the creation in a call of its own.
		resp.Diagnostics.Append(prior.Protected()...)
		return
	}
	resp.Diagnostics.Append(m.ReadConfig(ctx, req.Config)...)
	resp.Diagnostics.Append(m.Identify(ctx, d.Conn)...)
	if resp.Diagnostics.HasError() {
		return
	}
	d.planSteps(ctx, req, resp, prior, m)
	if !resp.Diagnostics.HasError() {
		m.Forget()
		resp.Diagnostics.Append(resp.Plan.Set(ctx, m)...)
	}
}

func (d *Driver[T, M]) planSteps(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, prior, m M) {
	if !m.Known(req.Plan) || d.Conn.Unconfigured() {
		ShowUnknown(ctx, m.Base(), resp)
		return
	}
	spec, diags := m.Spec(ctx)
	resp.Diagnostics.Append(diags...)
	account, _, diags := m.Account(ctx)
	resp.Diagnostics.Append(diags...)
	secrets, diags := ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	spec.New = prior == nil
	var before *Computed
	if prior != nil {
		before, spec.ID = prior.Base(), prior.Base().ID.ValueString()
	}
	remembered, diags := ReadRemembered(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	eng, err := d.engine(ctx, nil, secrets)
	var p *engine.Plan
	if err == nil {
		p, err = eng.Plan(ctx, spec, secrets, remembered)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("plan", m.Thing().String(), err))
		return
	}
	// Terraform plans a destruction as an ordinary plan first. Where nothing is
	// asked for but what there is, what speaks against mending it is no error: it
	// would keep the resource from ever being destroyed.
	unchanged := req.Plan.Raw.Equal(req.State.Raw)
	if account != nil && len(p.Steps) > 0 {
		// Nothing is planned that the account could not do.
		if _, err := Engine(ctx, d.Conn, account); err != nil {
			const summary = "Unable to use the cloud account"
			if !unchanged {
				resp.Diagnostics.AddAttributeError(path.Root("cloud_account"), summary, diagnostics.Detail(err))
				return
			}
			resp.Diagnostics.AddAttributeWarning(path.Root("cloud_account"), summary, diagnostics.Detail(err))
			p.Steps = nil
		}
	}
	if unchanged {
		onlyWarn(p)
	}
	Show(ctx, before, m.Base(), p, d.Conn, resp, m.Field)
	if m.Base().Kubeconfig.IsUnknown() {
		m.Unfinish()
	}
}

// onlyWarn turns the problems of a plan into warnings, and a plan that has some
// into one that does nothing.
func onlyWarn(p *engine.Plan) {
	if len(p.Problems) > 0 {
		p.Warnings = append(p.Warnings, p.Problems...)
		p.Problems, p.Steps, p.Collision = nil, nil, ""
	}
}

func (d *Driver[T, M]) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	m := M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	d.Conn.MarkSeen(m.Base().ID.ValueString())
	resp.Diagnostics.Append(m.Protected()...)
	if d.Conn.Unconfigured() {
		return
	}
	resp.Diagnostics.Append(m.Identify(ctx, d.Conn)...)
	target, diags := m.Target(ctx)
	resp.Diagnostics.Append(diags...)
	secrets, diags := ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	eng, err := d.engine(ctx, nil, secrets)
	var p *engine.Plan
	if err == nil {
		p, err = eng.PlanDestroy(ctx, target)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("plan the destruction of", m.Thing().String(), err))
		return
	}
	ShowDestroy(p, m.Thing().Kind, m.Thing().Name, &resp.Diagnostics)
}
