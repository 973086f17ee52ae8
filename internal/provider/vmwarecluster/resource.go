// Package vmwarecluster is gantry_vmware_cluster: Kubernetes clusters on
// vSphere.
package vmwarecluster

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

var (
	_ resource.ResourceWithConfigure      = (*clusterResource)(nil)
	_ resource.ResourceWithImportState    = (*clusterResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*clusterResource)(nil)
	_ resource.ResourceWithValidateConfig = (*clusterResource)(nil)
)

// The time that an operation has unless the configuration says otherwise.
const (
	DefaultCreateTimeout = 60 * time.Minute
	DefaultUpdateTimeout = 60 * time.Minute
	DefaultDeleteTimeout = 30 * time.Minute
)

type clusterResource struct{ conn *connection.Connection }

// NewResource answers the resource gantry_vmware_cluster.
func NewResource() resource.Resource { return &clusterResource{} }

func (r *clusterResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_vmware_cluster"
}

func (r *clusterResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.conn = connection.FromResource(req, resp)
}

func (r *clusterResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	timeout, d := plan.Timeouts.Create(ctx, DefaultCreateTimeout)
	resp.Diagnostics.Append(d...)
	shown, d := plan.Changes(ctx)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	secrets, err := lifecycle.NewSecrets()
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", plan.thing().String(), err))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := r.apply(ctx, &plan, req.Config, secrets, shown, true, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(lifecycle.Created(ctx, &plan.Computed, plan.thing(), out, err, secrets, plan.IncompleteCreate.ValueString() == "error")...)
	if out.ID == "" {
		return // nothing was touched: there is nothing to keep
	}
	resp.Diagnostics.Append(lifecycle.WriteSecrets(ctx, resp.Private, secrets)...)
	plan.ID = types.StringValue(out.ID)
	r.save(ctx, &plan, secrets, &resp.State, &resp.Diagnostics)
}

func (r *clusterResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	secrets, d := lifecycle.ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.conn.MarkSeen(state.ID.ValueString())
	eng, err := lifecycle.Engine(ctx, r.conn, nil)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return
	}
	var st *engine.Status
	if err == nil {
		var spec engine.ClusterSpec
		if spec, d = state.spec(ctx); d.HasError() {
			resp.Diagnostics.Append(d...)
			return
		}
		st, err = eng.Status(ctx, spec, secrets)
	}
	switch {
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromError("read", state.thing().String(), err))
	case st == nil:
		resp.State.RemoveResource(ctx)
	default:
		resp.Diagnostics.Append(state.SetStatus(ctx, st, secrets, time.Now())...)
		r.save(ctx, &state, secrets, &resp.State, &resp.Diagnostics)
	}
}

func (r *clusterResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, d := plan.Timeouts.Update(ctx, DefaultUpdateTimeout)
	resp.Diagnostics.Append(d...)
	secrets, d := lifecycle.ReadSecrets(ctx, req.Private)
	resp.Diagnostics.Append(d...)
	shown, d := lifecycle.ReadShown(ctx, req.Private)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.Conditions = state.Conditions // their times go on
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := r.apply(ctx, &plan, req.Config, secrets, shown, false, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(lifecycle.Updated(ctx, &plan.Computed, plan.thing(), out, err, secrets)...)
	if out.ID == "" {
		return // nothing was touched: the state before it stands
	}
	resp.Diagnostics.Append(lifecycle.WriteSecrets(ctx, resp.Private, secrets)...)
	r.save(ctx, &plan, secrets, &resp.State, &resp.Diagnostics)
}

func (r *clusterResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	timeout, d := state.Timeouts.Delete(ctx, DefaultDeleteTimeout)
	resp.Diagnostics.Append(d...)
	resp.Diagnostics.Append(state.protected()...)
	account, d := state.account(ctx)
	resp.Diagnostics.Append(d...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	eng, err := lifecycle.Engine(ctx, r.conn, nil)
	if err == nil {
		err = eng.Destroy(ctx, state.target(account), nil)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("delete", state.thing().String(), err))
	}
}

// apply asks the engine for what the plan says.
func (r *clusterResource) apply(ctx context.Context, plan *model, config tfsdk.Config, secrets *engine.Secrets, shown *[]engine.Change, isNew bool, diags *diag.Diagnostics) (*engine.Outcome, error) {
	spec, d := plan.spec(ctx)
	diags.Append(d...)
	account, d := plan.account(ctx)
	diags.Append(d...)
	var password types.String
	diags.Append(config.GetAttribute(ctx, path.Root("cloud_account_password_wo"), &password)...)
	kept, d := keep(ctx, plan)
	diags.Append(d...)
	if diags.HasError() {
		return nil, nil
	}
	spec.New = isNew
	eng, err := lifecycle.Engine(ctx, r.conn, account.identity(password))
	if err != nil {
		return &engine.Outcome{}, err
	}
	parents := []string{account.ID}
	if spec.GatewayID != "" {
		parents = append(parents, spec.GatewayID)
	}
	return eng.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets, Shown: shown, Parents: parents, Keep: kept})
}

// save writes a state in which nothing is unknown.
func (r *clusterResource) save(ctx context.Context, m *model, secrets *engine.Secrets, state *tfsdk.State, diags *diag.Diagnostics) {
	m.Settle()
	var d diag.Diagnostics
	m.ClientConfiguration, d = lifecycle.ClientConfiguration(ctx, secrets)
	diags.Append(d...)
	diags.Append(state.Set(ctx, m)...)
}

func (m *model) thing() lifecycle.Thing {
	return lifecycle.Thing{Kind: "cluster", Name: m.Name.ValueString()}
}

func (m *model) target(a accountModel) engine.Target {
	return engine.Target{Kind: engine.KindCluster, ID: m.ID.ValueString(), GatewayID: value(a.GatewayID), Name: m.Name.ValueString()}
}

// protected refuses a destruction that the configuration protects from.
func (m *model) protected() diag.Diagnostics {
	var diags diag.Diagnostics
	if m.DeletionProtection.ValueBool() {
		diags.AddAttributeError(path.Root("deletion_protection"), "The cluster is protected from deletion",
			"Cluster "+m.Name.ValueString()+" has deletion_protection = true. Set it to false and apply before you destroy or replace the cluster.")
	}
	return diags
}
