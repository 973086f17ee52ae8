// Package enginecrud is the life of the resources that the engine builds,
// gantry_gateway and gantry_vmware_cluster: create, read, update, delete, plan and
// import, with what they keep in private state. A resource adds its schema, its
// model, its rules and, where it needs them, hooks.
package enginecrud

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/importdata"
)

// Driver is the life of one resource; the resource embeds it. T is its model.
type Driver[T any, M interface {
	*T
	Model
}] struct {
	TypeName  string
	Kind      record.Kind
	NewSchema func(context.Context) schema.Schema
	Rules     Rules
	// ApplyOnly are the inputs that no plan depends on: a plan is known although
	// they are not.
	ApplyOnly map[string]bool
	Hooks     Hooks[M]

	conn *connection.Connection
}

// Hooks are what one resource does beyond the engine. Either may be nil. The prior
// values are nil in a creation.
type Hooks[M any] struct {
	// AfterPlan checks a plan without problems, also one that replaces.
	AfterPlan func(ctx context.Context, conn *connection.Connection, prior, planned M) diag.Diagnostics
	// BeforeApply changes, or checks again, what has to come before the engine.
	BeforeApply func(ctx context.Context, conn *connection.Connection, prior, planned M) diag.Diagnostics
}

// Metadata implements resource.Resource.
func (d *Driver[T, M]) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = d.TypeName
}

// Schema implements resource.Resource.
func (d *Driver[T, M]) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = d.NewSchema(ctx)
}

// Configure implements resource.ResourceWithConfigure.
func (d *Driver[T, M]) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	d.conn = connection.FromResource(req, resp)
}

// subject names the object in messages.
func (d *Driver[T, M]) subject(m M) string {
	return record.Ref{Kind: d.Kind, Name: m.base().Name.ValueString()}.Describe()
}

// Create implements resource.Resource.
func (d *Driver[T, M]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	d.conn.MarkApplying()
	m := M(new(T))
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.base().Timeouts.Create(ctx, DefaultCreateTimeout)
	resp.Diagnostics.Append(diags...)
	shown := m.base().Changes()
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(d.beforeApply(ctx, nil, m)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	secrets, err := newSecrets(m)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", d.subject(m), err))
		return
	}

	input := applyInput[M]{model: m, plan: req.Plan, config: req.Config, timeout: timeout, secrets: secrets, shown: shown, isNew: true}
	out, err := d.apply(ctx, input, &resp.Diagnostics)
	if out == nil {
		return
	}
	resp.Diagnostics.Append(created(m, d.subject(m), out, err, secrets)...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateRemains, nil)...) // of what it replaces
	if out.ID == uuid.Nil {
		return // nothing was touched: there is nothing to keep
	}
	resp.Diagnostics.Append(crud.WriteIdentity(ctx, resp.Private, crud.Identity{ID: out.ID, Incarnation: out.Incarnation})...)
	resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, secrets)...)
	m.base().ID = attribute.IDValue(out.ID)
	resp.Diagnostics.Append(save(ctx, m, secrets, &resp.State)...)
}

// Read implements resource.Resource. Only what vCenter proves to be gone is
// removed.
func (d *Driver[T, M]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	d.conn.MarkPlanning()
	m := M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, m)...)
	before := *m
	secrets, diags := ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	identity, diags := crud.ReadIdentity(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(d.markSeen(m)...)
	if resp.Diagnostics.HasError() || d.conn.Unconfigured() {
		return
	}
	resp.Diagnostics.Append(identify(ctx, m, d.conn)...)
	spec, diags := d.observed(ctx, req.Private, m)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}

	eng, err := d.engine(ctx, nil, secrets)
	var status *model.Status
	var facts *model.Facts
	if err == nil {
		if secrets == nil {
			if found := recoverPrivate(ctx, eng, spec.Target(), &m.base().Computed); found != nil {
				secrets = found.Secrets
				identity = crud.Identity{ID: found.ID, Incarnation: found.Incarnation}
				resp.Diagnostics.Append(crud.WriteIdentity(ctx, resp.Private, identity)...)
				resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, secrets)...)
			}
		}
		spec.Incarnation = identity.Incarnation
		resp.Diagnostics.Append(renewKubeconfig(ctx, eng, spec.Name, secrets, resp.Private)...)
		status, facts, err = eng.Status(ctx, spec, secrets)
	}
	switch {
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromRefresh(d.subject(m), err))
	case status == nil:
		resp.State.RemoveResource(ctx)
	default:
		resp.Diagnostics.Append(WriteFacts(ctx, resp.Private, facts)...)
		for _, warning := range status.Warnings {
			resp.Diagnostics.Append(diagnostics.Warning(warning, m.AttributePath))
		}
		m.base().SetStatus(status, secrets, time.Now())
		setServices(m, status)
		setImages(m, &spec)
		resp.Diagnostics.Append(settle(m, secrets)...)
		if !reflect.DeepEqual(before, *m) { // to write a state costs more than to read it
			resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
		}
	}
}

// Update implements resource.Resource.
func (d *Driver[T, M]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	d.conn.MarkApplying()
	m, prior := M(new(T)), M(new(T))
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if d.Rules.flagsOnly(req.State.Raw, req.Plan.Raw, ComputedAttributes(d.NewSchema(ctx))) {
		resp.State.Raw = req.Plan.Raw
		return
	}
	timeout, diags := m.base().Timeouts.Update(ctx, DefaultUpdateTimeout)
	resp.Diagnostics.Append(diags...)
	shown, diags := ReadShown(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	secrets, diags := secretsForUpdate(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	identity, diags := crud.ReadIdentity(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(d.beforeApply(ctx, prior, m)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}

	m.base().Conditions = prior.base().Conditions // unchanged ones keep their time
	known := prior.base().known()
	input := applyInput[M]{
		model: m, plan: req.Plan, config: req.Config, timeout: timeout,
		secrets: secrets, incarnation: identity.Incarnation, known: known, shown: shown,
	}
	out, err := d.apply(ctx, input, &resp.Diagnostics)
	if out == nil {
		return
	}
	resp.Diagnostics.Append(updated(m, d.subject(m), out, err, secrets)...)
	if out.ID == uuid.Nil {
		return // nothing was touched: the prior state stands
	}
	m.base().KeepStatus(&prior.base().Computed)
	keepServices(m, prior)
	resp.Diagnostics.Append(crud.WriteIdentity(ctx, resp.Private, crud.Identity{ID: out.ID, Incarnation: out.Incarnation})...)
	resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, secrets)...)
	resp.Diagnostics.Append(WriteFacts(ctx, resp.Private, nil)...) // the world has moved
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateImported, nil)...)
	resp.Diagnostics.Append(save(ctx, m, secrets, &resp.State)...)
}

// secretsForUpdate returns the secrets in private state. Where Terraform has dropped
// them, because a provider died before it returned them, the engine makes others if the
// control plane begins anew.
func secretsForUpdate(ctx context.Context, private crud.PrivateReader) (*model.Secrets, diag.Diagnostics) {
	secrets, diags := ReadSecrets(ctx, private)
	if secrets == nil {
		secrets = &model.Secrets{}
	}
	return secrets, diags
}

// Delete implements resource.Resource.
func (d *Driver[T, M]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	d.conn.MarkApplying()
	m := M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.base().Timeouts.Delete(ctx, DefaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(checkDeletion(m)...)
	resp.Diagnostics.Append(identify(ctx, m, d.conn)...)
	target, diags := d.target(ctx, req.Private, m)
	resp.Diagnostics.Append(diags...)
	secrets, diags := ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}

	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	eng, err := d.engine(ctx, nil, secrets)
	if err == nil {
		err = d.destroy(ctx, eng, target, m, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(eventLogWarning(d.conn.EventLog())...)
	var refused *model.PlanError
	switch {
	case errors.As(err, &refused):
		resp.Diagnostics.Append(diagnostics.Problems(refused.Problems, m.AttributePath)...)
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromError("delete", d.subject(m), err))
	}
}

// applyInput is what an apply brings to the engine.
type applyInput[M any] struct {
	model   M
	plan    tfsdk.Plan
	config  tfsdk.Config
	timeout time.Duration
	secrets *model.Secrets
	// incarnation is the state's; a creation gets its own.
	incarnation record.Incarnation
	known       []model.KnownMachine
	shown       *[]model.Change
	isNew       bool
}

// apply asks the engine for what the plan says. The outcome is nil where the engine
// was not even asked, and diags say why.
func (d *Driver[T, M]) apply(ctx context.Context, in applyInput[M], diags *diag.Diagnostics) (*engine.Outcome, error) {
	m := in.model
	diags.Append(crud.ReadWriteOnly(ctx, m, in.config)...)
	diags.Append(identify(ctx, m, d.conn)...)
	if diags.HasError() {
		return nil, nil
	}
	account, more := accountOf(ctx, m)
	diags.Append(more...)
	spec, more := m.Spec(ctx)
	diags.Append(more...)
	config, err := importdata.EncodeConfig(d.NewSchema(ctx).Attributes, in.plan.Raw)
	if err != nil {
		diags.Append(diagnostics.FromError("encode the configuration of", d.subject(m), err))
	}
	if diags.HasError() {
		return nil, nil
	}

	setImages(m, &spec)
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	eng, err := d.engine(ctx, account, in.secrets)
	if err == nil && in.secrets != nil {
		in.secrets.VCenter, err = eng.Reader.InstanceUUID(ctx)
	}
	if err != nil {
		return &engine.Outcome{}, err
	}
	if spec.Account, err = packAccount(d.conn, account); err != nil {
		return &engine.Outcome{}, err
	}
	d.conn.PlanUses(spec.Ref, nil) // from now on the ledger says what it takes
	spec.New = in.isNew
	spec.Incarnation = in.incarnation
	spec.Known = in.known
	request := engine.Request{
		Spec:       spec,
		Secrets:    in.secrets,
		Shown:      in.shown,
		ImportData: map[string][]byte{importdata.ConfigKey: config},
	}
	if account != nil {
		request.Parents = []uuid.UUID{account.ID}
	}
	out, err := eng.Apply(ctx, request)
	diags.Append(eventLogWarning(d.conn.EventLog())...)
	return out, err
}

func (d *Driver[T, M]) beforeApply(ctx context.Context, prior, m M) diag.Diagnostics {
	if d.Hooks.BeforeApply == nil {
		return nil
	}
	return d.Hooks.BeforeApply(ctx, d.conn, prior, m)
}

// engine makes an engine for what was created in the provider's vCenter.
func (d *Driver[T, M]) engine(ctx context.Context, account *Account, secrets *model.Secrets) (*engine.Engine, error) {
	eng, err := newEngine(ctx, d.conn, account)
	if err != nil {
		return nil, err
	}
	return eng, checkVCenter(ctx, eng, secrets)
}
