package vmwarecluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

// filled are the attributes that no user writes.
var filled = map[string]bool{
	"id": true, "state": true, "health": true, "conditions": true, "nodes": true, "control_plane_endpoint": true,
	"kubeconfig": true, "kubernetes_client_configuration": true, "planned_changes": true,
}

// rules tell what may change on a running cluster. Everything that they do not
// name is refused when it is planned, never replaced.
var rules = lifecycle.Rules{
	Replace: []string{"name", "datacenter", "network", "cloud_account.gateway_id"},
	InPlace: []string{
		"cloud_account", "cloud_account_password_wo", "cloud_account_password_wo_version",
		"profile.packs", "control_plane.node_count",
		"control_plane.labels", "control_plane.annotations", "control_plane.taints",
		"worker_pools.*.node_count", "worker_pools.*.labels", "worker_pools.*.annotations",
		"worker_pools.*.taints", "worker_pools.*.rolling_update",
		"incomplete_create", "deletion_protection", "timeouts",
	},
	Keyed: []string{"worker_pools", "profile.packs"},
}

// ModifyPlan looks at the world and shows what an apply will do.
func (r *clusterResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.conn == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planDestroy(ctx, req, resp)
		return
	}
	var plan model
	var prior *model
	var replaces bool
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if !req.State.Raw.IsNull() {
		prior = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
		r.conn.MarkSeen(prior.ID.ValueString())
		var d diag.Diagnostics
		replaces, d = rules.Judge(req.State.Raw, req.Plan.Raw, filled)
		resp.Diagnostics.Append(d...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if replaces {
		// Terraform plans the creation in a call of its own.
		resp.Diagnostics.Append(prior.protected()...)
		return
	}
	r.planSteps(ctx, req, resp, prior, &plan)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.Plan.Set(ctx, &plan)...)
	}
}

func (r *clusterResource) planSteps(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, prior, plan *model) {
	var password types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("cloud_account_password_wo"), &password)...)
	if !lifecycle.Known(req.Plan, filled) || password.IsUnknown() {
		lifecycle.ShowUnknown(ctx, &plan.Computed, resp)
		return
	}
	spec, d := plan.spec(ctx)
	resp.Diagnostics.Append(d...)
	account, d := plan.account(ctx)
	resp.Diagnostics.Append(d...)
	secrets, d := lifecycle.ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	spec.New = prior == nil
	var before *lifecycle.Computed
	if prior != nil {
		before, spec.ID = &prior.Computed, prior.ID.ValueString()
	}
	eng, err := lifecycle.Engine(ctx, r.conn, account.identity(password))
	if errors.Is(err, connection.ErrUnknownConfig) {
		lifecycle.ShowUnknown(ctx, &plan.Computed, resp)
		return
	}
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("cloud_account"), "Unable to use the cloud account", diagnostics.Detail(err))
		return
	}
	p, err := eng.Plan(ctx, spec, secrets)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("plan", plan.thing().String(), err))
		return
	}
	lifecycle.Show(ctx, before, &plan.Computed, p, r.conn, resp, func(f engine.Field) engine.Field { return f })
}

func (r *clusterResource) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(state.protected()...)
	account, d := state.account(ctx)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.conn.MarkSeen(state.ID.ValueString())
	eng, err := lifecycle.Engine(ctx, r.conn, nil)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return
	}
	var p *engine.Plan
	if err == nil {
		p, err = eng.PlanDestroy(ctx, state.target(account))
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("plan the destruction of", state.thing().String(), err))
		return
	}
	lifecycle.ShowDestroy(p, "cluster", state.Name.ValueString(), &resp.Diagnostics)
}

// ValidateConfig checks what one attribute alone cannot tell.
func (r *clusterResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(lifecycle.ValidateNetwork(ctx, config.Network)...)
	if config.WorkerPools.IsUnknown() || config.Name.IsUnknown() {
		return
	}
	for pool := range config.WorkerPools.Elements() {
		// Four digits are the most that a node's number will ever have in practice;
		// a name that only just fits would fail on the thousandth node.
		if n := len(engine.NodeName(config.Name.ValueString(), pool, 9999)); n > 63 {
			resp.Diagnostics.AddAttributeError(path.Root("worker_pools").AtMapKey(pool), "Node names would be too long",
				fmt.Sprintf("The nodes of this pool would be named %s and so on, which is %d characters; a node's name holds 63. Shorten the name of the pool or of the cluster.",
					engine.NodeName(config.Name.ValueString(), pool, 9999), n))
		}
	}
}
