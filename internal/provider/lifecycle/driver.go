package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// The time that an operation has unless the configuration says otherwise.
const (
	DefaultCreateTimeout = 60 * time.Minute
	DefaultUpdateTimeout = 60 * time.Minute
	DefaultDeleteTimeout = 30 * time.Minute
)

// Model is the values of a resource that the engine builds.
type Model interface {
	// Base is the computed attributes.
	Base() *Computed
	Thing() Thing
	Times() timeouts.Value
	// Strict tells whether a creation that is not complete is an error.
	Strict() bool
	// Protected refuses a destruction that the configuration protects from.
	Protected() diag.Diagnostics

	// ReadConfig takes over the write-only values, which only the configuration
	// has, and Forget drops them again: no plan or state holds them.
	ReadConfig(ctx context.Context, config tfsdk.Config) diag.Diagnostics
	Forget()
	// Known tells whether everything that the engine is asked for is known.
	Known(plan tfsdk.Plan) bool
	// Identify fills in what follows from the configuration alone, and refuses
	// what belongs to another vCenter than conn's.
	Identify(ctx context.Context, conn *connection.Connection) diag.Diagnostics
	// Spec is what the engine is asked for. It is called when Known is true, and
	// for a state, without write-only values.
	Spec(ctx context.Context) (engine.ClusterSpec, diag.Diagnostics)
	// Account is whose identity builds, nil for the provider's own, and what is
	// not deleted as long as this is there.
	Account(ctx context.Context) (account *Identity, parents []string, diags diag.Diagnostics)
	Target(ctx context.Context) (engine.Target, diag.Diagnostics)
	// Field is the attribute that a field of the engine's stands for.
	Field(engine.Field) engine.Field
	// Unfinish marks as unknown what follows from secrets that are about to be made.
	Unfinish()
	// Finish fills in what follows from the secrets.
	Finish(ctx context.Context, secrets *engine.Secrets) diag.Diagnostics
}

// Driver is the life of a resource that the engine builds; a resource embeds
// it. T is its model.
type Driver[T any, M interface {
	*T
	Model
}] struct {
	Kind engine.Kind
	// Filled are the top-level attributes that no user writes, and Secret those,
	// at any depth, that are not kept in the cluster for import.
	Filled, Secret map[string]bool
	// Rules tell what may change on what runs.
	Rules Rules

	Conn *connection.Connection
}

// Configure takes the connection.
func (d *Driver[T, M]) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	d.Conn = connection.FromResource(req, resp)
}

// Create builds.
func (d *Driver[T, M]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	m := M(new(T))
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Times().Create(ctx, DefaultCreateTimeout)
	resp.Diagnostics.Append(diags...)
	shown, diags := m.Base().Changes(ctx)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	secrets, err := NewSecrets()
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", m.Thing().String(), err))
		return
	}
	out, err := d.apply(ctx, timeout, m, req.Plan, req.Config, engine.Request{Secrets: secrets, Shown: shown}, true, &resp.Diagnostics)
	if out == nil {
		return
	}
	resp.Diagnostics.Append(Created(ctx, m.Base(), m.Thing(), out, err, secrets, m.Strict())...)
	if out.ID == "" {
		return // nothing was touched: there is nothing to keep
	}
	resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, secrets)...)
	m.Base().ID = types.StringValue(out.ID)
	d.save(ctx, m, secrets, &resp.State, &resp.Diagnostics)
}

// Read looks at what is there. Only what vCenter proves to be gone is removed.
func (d *Driver[T, M]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	m := M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, m)...)
	secrets, diags := ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	d.Conn.MarkSeen(m.Base().ID.ValueString())
	if d.Conn.Unconfigured() {
		return
	}
	resp.Diagnostics.Append(m.Identify(ctx, d.Conn)...)
	spec, diags := m.Spec(ctx)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	eng, err := d.engine(ctx, nil, secrets)
	var st *engine.Status
	var look *engine.Observed
	if err == nil {
		if secrets == nil {
			if secrets = Recover(ctx, eng, spec.Target(), m.Base()); secrets != nil {
				resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, secrets)...)
			}
		}
		st, look, err = eng.Status(ctx, spec, secrets)
	}
	switch {
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromError("read", m.Thing().String(), err))
	case st == nil:
		resp.State.RemoveResource(ctx)
	default:
		resp.Diagnostics.Append(WriteRemembered(ctx, resp.Private, look)...)
		resp.Diagnostics.Append(m.Base().SetStatus(ctx, st, secrets, time.Now())...)
		d.save(ctx, m, secrets, &resp.State, &resp.Diagnostics)
	}
}

// Update changes in place what the plan has shown.
func (d *Driver[T, M]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	m, prior := M(new(T)), M(new(T))
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Times().Update(ctx, DefaultUpdateTimeout)
	resp.Diagnostics.Append(diags...)
	secrets, diags := ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	shown, diags := ReadShown(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if secrets == nil && prior.Base().Kubeconfig.IsNull() {
		// Of a creation that never answered, Terraform has dropped what a provider
		// that died had not handed over.
		var err error
		if secrets, err = NewSecrets(); err != nil {
			resp.Diagnostics.Append(diagnostics.FromError("update", m.Thing().String(), err))
			return
		}
	}
	m.Base().Conditions = prior.Base().Conditions // their times go on
	out, err := d.apply(ctx, timeout, m, req.Plan, req.Config, engine.Request{Secrets: secrets, Shown: shown}, false, &resp.Diagnostics)
	if out == nil {
		return
	}
	resp.Diagnostics.Append(Updated(ctx, m.Base(), m.Thing(), out, err, secrets)...)
	if out.ID == "" {
		return // nothing was touched: the state before it stands
	}
	resp.Diagnostics.Append(WriteSecrets(ctx, resp.Private, secrets)...)
	resp.Diagnostics.Append(WriteRemembered(ctx, resp.Private, nil)...) // the world has moved
	d.save(ctx, m, secrets, &resp.State, &resp.Diagnostics)
}

// Delete takes everything down that was built.
func (d *Driver[T, M]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	m := M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Times().Delete(ctx, DefaultDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(m.Protected()...)
	resp.Diagnostics.Append(m.Identify(ctx, d.Conn)...)
	target, diags := m.Target(ctx)
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
		err = eng.Destroy(ctx, target, nil)
	}
	var refused *engine.PlanError
	switch {
	case errors.As(err, &refused):
		resp.Diagnostics.Append(diagnostics.Problems(refused.Problems)...)
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromError("delete", m.Thing().String(), err))
	}
}

// apply asks the engine for what the plan says. The outcome is nil where it was
// not even asked, and diags say why.
func (d *Driver[T, M]) apply(ctx context.Context, timeout time.Duration, m M, plan tfsdk.Plan, config tfsdk.Config, req engine.Request, isNew bool, diags *diag.Diagnostics) (*engine.Outcome, error) {
	diags.Append(m.ReadConfig(ctx, config)...)
	diags.Append(m.Identify(ctx, d.Conn)...)
	account, parents, more := m.Account(ctx)
	diags.Append(more...)
	if diags.HasError() {
		return nil, nil
	}
	spec, more := m.Spec(ctx)
	diags.Append(more...)
	kept, err := Keep(plan.Raw, d.Filled, d.Secret)
	if err != nil {
		diags.AddError("Unable to keep the configuration for import", err.Error())
	}
	if diags.HasError() {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	eng, err := d.engine(ctx, account, req.Secrets)
	if err == nil && req.Secrets != nil {
		req.Secrets.VCenter, err = eng.Reader.InstanceUUID(ctx)
	}
	if err != nil {
		return &engine.Outcome{}, err
	}
	spec.New = isNew
	req.Spec, req.Parents, req.Keep = spec, parents, map[string][]byte{KeepConfig: kept}
	return eng.Apply(ctx, req)
}

// engine makes an engine for what was built in the provider's vCenter. Another
// vCenter knows nothing of it, and that proves nothing.
func (d *Driver[T, M]) engine(ctx context.Context, account *Identity, secrets *engine.Secrets) (*engine.Engine, error) {
	eng, err := Engine(ctx, d.Conn, account)
	if err != nil || secrets == nil || secrets.VCenter == "" {
		return eng, err
	}
	connected, err := eng.Reader.InstanceUUID(ctx)
	if err == nil && connected != secrets.VCenter {
		err = fmt.Errorf("it was built in the vCenter with the instance UUID %s, and the provider is connected to %s; set vcenter_server of the provider back, or remove it from the state with `terraform state rm`", secrets.VCenter, connected)
	}
	return eng, err
}

// save writes a state in which nothing is unknown.
func (d *Driver[T, M]) save(ctx context.Context, m M, secrets *engine.Secrets, state *tfsdk.State, diags *diag.Diagnostics) {
	m.Forget()
	m.Base().Settle()
	diags.Append(m.Finish(ctx, secrets)...)
	diags.Append(state.Set(ctx, m)...)
}

// ImportState reads back from itself what was built: its configuration and its
// certificate authorities are kept in Secrets of its kube-system namespace.
func (d *Driver[T, M]) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	Import(ctx, d.Kind, req.ID, d.Conn, resp)
}
