package enginecrud

import (
	"context"
	"reflect"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// ModifyPlan implements resource.ResourceWithModifyPlan: it observes the world and
// shows the steps of an apply.
func (d *Driver[T, M]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if d.conn == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		d.planDestroy(ctx, req, resp)
		return
	}
	keepUnchanged(&req, resp, ComputedAttributes(d.NewSchema(ctx)))
	m := M(new(T))
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	prior, replaces, diags := d.compare(ctx, req, resp)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !replaces && d.planFlags(ctx, req, resp) {
		return
	}

	if replaces {
		// Terraform plans the creation in a call of its own. Remains have no network.
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("network"))
		resp.Diagnostics.Append(d.checkReplacement(ctx, req, prior)...)
	} else {
		d.planApply(ctx, req, resp, prior, m)
	}
	if prior != nil && resp.Plan.Raw.Equal(req.State.Raw) {
		d.conn.MarkPlanning()
	}
	if !resp.Diagnostics.HasError() && d.Hooks.AfterPlan != nil {
		resp.Diagnostics.Append(d.Hooks.AfterPlan(ctx, d.conn, prior, m)...)
	}
}

// compare returns the prior values, nil in a creation, and whether their change
// replaces the object. What the schema does not know of that is in resp.
func (d *Driver[T, M]) compare(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) (prior M, replaces bool, diags diag.Diagnostics) {
	if req.State.Raw.IsNull() {
		return nil, false, nil
	}
	prior = M(new(T))
	diags.Append(req.State.Get(ctx, prior)...)
	diags.Append(d.markSeen(prior)...)
	if diags.HasError() {
		return prior, false, diags
	}
	left, more := readRemains(ctx, req.Private)
	diags.Append(more...)
	if left != nil || diags.HasError() {
		return prior, left != nil, diags
	}
	before, more := comparedState(ctx, req)
	diags.Append(more...)
	moves, more := d.movesDatacenter(ctx, req, prior)
	diags.Append(more...)
	if moves {
		resp.RequiresReplace = append(resp.RequiresReplace, d.Rules.datacenterPath())
	}
	replaces, more = d.Rules.Check(d.Kind, before, req.Plan.Raw, ComputedAttributes(d.NewSchema(ctx)))
	if replaces = replaces || moves; !replaces {
		diags.Append(more...)
	}
	if replaces {
		diags.Append(checkDeletion(prior)...)
	}
	return prior, replaces, diags
}

// checkReplacement refuses a replacement whose destruction would fail, half way: a
// gateway is planned before what depends on it.
func (d *Driver[T, M]) checkReplacement(ctx context.Context, req resource.ModifyPlanRequest, prior M) diag.Diagnostics {
	if d.conn.Unconfigured() {
		return nil
	}
	plan, diags := d.destruction(ctx, req, prior, nil)
	if plan != nil {
		diags.Append(diagnostics.Problems(plan.Problems, prior.AttributePath)...)
	}
	return diags
}

// planApply plans a creation or an update and writes the planned values.
func (d *Driver[T, M]) planApply(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, prior, m M) {
	before := *m
	resp.Diagnostics.Append(crud.ReadWriteOnly(ctx, m, req.Config)...)
	resp.Diagnostics.Append(identify(ctx, m, d.conn)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if prior == nil {
		planInherited(m)
	}

	var shown *[]model.Change
	known := inputsKnown(req.Config, d.ApplyOnly)
	if d.conn.Unconfigured() || !known {
		m.base().MarkUnknown()
	} else {
		shown = d.planSteps(ctx, req, &resp.Diagnostics, prior, m)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	markServicesUnknown(m)
	resp.Diagnostics.Append(planImages(ctx, m, known)...)
	if m.base().Kubeconfig.IsUnknown() {
		markDerivedUnknown(m)
	}
	crud.ClearWriteOnly(m)
	resp.Diagnostics.Append(writeShown(ctx, resp.Private, shown)...)
	if !reflect.DeepEqual(before, *m) {
		resp.Diagnostics.Append(resp.Plan.Set(ctx, m)...)
	}
}

// planningEngine is an engine that knows what else the same run plans, and by whose
// privileges the steps are carried out.
func (d *Driver[T, M]) planningEngine(
	ctx context.Context, ref record.Ref, account *Account, secrets *model.Secrets,
) (*engine.Engine, error) {
	eng, err := d.engine(ctx, nil, secrets)
	if err != nil {
		return nil, err
	}
	eng.PlannedIPPool = d.conn.PlannedIPPool
	eng.PlannedGateway = d.conn.PlannedGateway
	eng.PlannedZone = func(object string) (string, bool) {
		vcenter, err := d.conn.VCenter(ctx)
		if err != nil {
			return "", false // the engine says so
		}
		instance, err := vcenter.InstanceUUID(ctx)
		if err != nil {
			return "", false
		}
		return d.conn.PlannedZone(instance, object)
	}
	eng.PlanUses = func(uses map[uuid.UUID]model.IPPoolUse) map[uuid.UUID][]model.IPPoolUse {
		return d.conn.PlanUses(ref, uses)
	}
	if account != nil && !d.conn.IsProvider(account.Username) {
		eng.User = account.Username
	}
	return eng, nil
}

// planSteps asks the engine for the steps and sets them in the planned values. It
// returns those that an apply may run; nil where they are not known.
func (d *Driver[T, M]) planSteps(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics, prior, m M) *[]model.Change {
	identity, more := crud.ReadIdentity(ctx, req.Private)
	diags.Append(more...)
	spec, more := d.plannedSpec(ctx, prior, m, identity)
	diags.Append(more...)
	account, more := accountOf(ctx, m)
	diags.Append(more...)
	diags.Append(d.setAccount(&spec, account)...)
	secrets, more := ReadSecrets(ctx, req.Private)
	diags.Append(more...)
	facts, more := ReadFacts(ctx, req.Private)
	diags.Append(more...)
	view := PlanView{
		Subject:       d.subject(m),
		Planned:       &m.base().Computed,
		AttributePath: m.AttributePath,
		Run:           d.conn,
	}
	if prior != nil {
		view.Prior = &prior.base().Computed
	}
	if diags.HasError() {
		return nil
	}

	eng, err := d.planningEngine(ctx, spec.Ref, account, secrets)
	switch {
	case err != nil:
	case spec.New:
		view.Planning = func() bool { return identity.ID != uuid.Nil || d.conn.Planning() }
		former := engine.Former{ID: identity.ID, Seen: d.conn.Seen, Planning: view.Planning, Applying: d.conn.Applying}
		view.Plan, err = eng.PlanCreation(ctx, spec, former)
	default:
		view.Plan, err = eng.Plan(ctx, spec, secrets, facts)
	}
	if err != nil {
		diags.Append(diagnostics.FromError("plan", d.subject(m), err))
		return nil
	}
	// Terraform plans a destruction as an ordinary plan first. Where the
	// configuration asks for no change, what speaks against a repair is no error: it
	// would keep the object from ever being destroyed.
	unchanged := req.Plan.Raw.Equal(req.State.Raw)
	if account != nil && !view.Plan.Empty() {
		diags.Append(d.checkAccount(ctx, account, view.Plan, spec.New, unchanged)...)
	}
	if diags.HasError() {
		return nil
	}
	if unchanged {
		warnOnly(view.Plan)
	}
	if view.Plan.Empty() {
		d.conn.PlanUses(spec.Ref, nil)
	}
	shown, more := Show(view)
	diags.Append(more...)
	diags.Append(CheckBuildTimeout(ctx, view.Plan, m.base().Timeouts, spec.New)...)
	return shown
}

// plannedSpec is the spec of the planned values, with what the prior ones know of an
// object that exists.
func (d *Driver[T, M]) plannedSpec(ctx context.Context, prior, m M, identity crud.Identity) (model.ClusterSpec, diag.Diagnostics) {
	spec, diags := m.Spec(ctx)
	spec.New = prior == nil
	spec.Incarnation = identity.Incarnation
	if prior == nil {
		return spec, diags
	}
	var more diag.Diagnostics
	spec.ID, more = attribute.ParseID(prior.base().ID, path.Root("id"))
	diags.Append(more...)
	spec.Known = prior.base().known()
	return spec, diags
}

// checkAccount refuses steps that the account could not run; of a repair that
// the configuration does not ask for, it warns and drops them.
func (d *Driver[T, M]) checkAccount(ctx context.Context, account *Account, plan *model.Plan, isNew, unchanged bool) diag.Diagnostics {
	_, err := newEngine(ctx, d.conn, account)
	if err == nil {
		return nil
	}
	const summary = "Unable to use the cloud account"
	at := path.Root("cloud_account")
	switch {
	case unchanged:
		plan.Stages = nil
	case isNew && d.conn.Applying(): // the creation itself refuses it
	default:
		return diag.Diagnostics{diagnostics.AttributeError(at, summary, diagnostics.Detail(err))}
	}
	return diag.Diagnostics{diagnostics.AttributeWarning(at, summary, diagnostics.Detail(err))}
}

// warnOnly turns the problems of a plan into warnings, and a plan that has some
// into one without steps.
func warnOnly(plan *model.Plan) {
	if len(plan.Problems) == 0 {
		return
	}
	plan.Warnings = append(plan.Warnings, plan.Problems...)
	plan.Problems = nil
	plan.Stages = nil
}

func (d *Driver[T, M]) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	m := M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, m)...)
	resp.Diagnostics.Append(d.markSeen(m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(checkDeletion(m)...)
	if d.conn.Unconfigured() {
		return
	}
	plan, diags := d.destruction(ctx, req, m, d.conn.Deleted)
	// What cannot be read now keeps nothing else from being destroyed.
	resp.Diagnostics.Append(diagnostics.Warnings(diags, "The apply tries to destroy it all the same, and fails if that is still so.")...)
	if plan != nil {
		resp.Diagnostics.Append(ShowDestroy(d.subject(m), plan, m.AttributePath)...)
	}
}

// destruction plans the destruction of what a state holds, as Engine.PlanDestroy does;
// nil where diags say why not.
func (d *Driver[T, M]) destruction(
	ctx context.Context, req resource.ModifyPlanRequest, m M, leaving func(uuid.UUID) bool,
) (*model.Plan, diag.Diagnostics) {
	diags := identify(ctx, m, d.conn)
	target, more := d.target(ctx, req.Private, m)
	diags.Append(more...)
	secrets, more := ReadSecrets(ctx, req.Private)
	diags.Append(more...)
	if diags.HasError() {
		return nil, diags
	}
	eng, err := d.engine(ctx, nil, secrets)
	var plan *model.Plan
	if err == nil {
		if leaving != nil {
			d.conn.MarkDeleted(eng.Ledger.ID(target.Ref))
			d.conn.MarkDeleted(target.ID) // by which a cluster's claims name it
		}
		plan, err = eng.PlanDestroy(ctx, target, leaving)
	}
	if err != nil {
		diags.Append(diagnostics.FromError("plan the destruction of", d.subject(m), err))
		return nil, diags
	}
	return plan, diags
}

// markSeen notes that the id of a state was read in this run.
func (d *Driver[T, M]) markSeen(m M) diag.Diagnostics {
	id, diags := attribute.ParseID(m.base().ID, path.Root("id"))
	d.conn.MarkSeen(id)
	return diags
}
