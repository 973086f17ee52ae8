package enginecrud

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Computed are the values that the engine reports.
type Computed struct {
	ID                   types.String `tfsdk:"id"`
	State                types.String `tfsdk:"state"`
	Health               types.String `tfsdk:"health"`
	Conditions           types.List   `tfsdk:"conditions"`
	Nodes                types.Map    `tfsdk:"nodes"`
	ControlPlaneEndpoint types.String `tfsdk:"control_plane_endpoint"`
	Kubeconfig           types.String `tfsdk:"kubeconfig"`
	PlannedChanges       types.List   `tfsdk:"planned_changes"`
}

var (
	conditionType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"type":                 types.StringType,
		"status":               types.StringType,
		"reason":               types.StringType,
		"message":              types.StringType,
		"last_transition_time": types.StringType,
	}}
	nodeType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"role":            types.StringType,
		"pool":            types.StringType,
		"address":         types.StringType,
		"instance_uuid":   types.StringType,
		"vm_id":           types.StringType,
		"compute_cluster": types.StringType,
		"clone_mode":      types.StringType,
		"ready":           types.BoolType,
	}}
	changeType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"action": types.StringType,
		"target": types.StringType,
	}}
)

// markStatusUnknown marks what only an apply can tell. The id, the endpoint and
// the kubeconfig keep their state.
func (c *Computed) markStatusUnknown() {
	// What an incomplete creation has not reached yet, the next apply may.
	for _, value := range []*types.String{&c.ControlPlaneEndpoint, &c.Kubeconfig} {
		if value.IsNull() {
			*value = types.StringUnknown()
		}
	}
	c.State = types.StringUnknown()
	c.Health = types.StringUnknown()
	c.Conditions = types.ListUnknown(conditionType)
	c.Nodes = types.MapUnknown(nodeType)
}

// MarkUnknown marks the steps, and what follows from them, as not known yet.
func (c *Computed) MarkUnknown() {
	c.markStatusUnknown()
	c.PlannedChanges = types.ListUnknown(changeType)
}

// KeepStatus gives what an apply could not observe at its end the values of the
// state before it. Without the references of the VMs, the next plan could not ask
// vCenter whether one that it does not see is gone.
func (c *Computed) KeepStatus(prior *Computed) {
	for _, kept := range []struct{ to, from *types.String }{
		{&c.State, &prior.State},
		{&c.Health, &prior.Health},
		{&c.ControlPlaneEndpoint, &prior.ControlPlaneEndpoint},
		{&c.Kubeconfig, &prior.Kubeconfig},
	} {
		if kept.to.IsUnknown() {
			*kept.to = *kept.from
		}
	}
	if c.Conditions.IsUnknown() {
		c.Conditions = prior.Conditions
	}
	if c.Nodes.IsUnknown() {
		c.Nodes = prior.Nodes
	}
}

// NullUnknowns replaces what is still unknown after a failed apply: a state may
// hold no unknown value.
func (c *Computed) NullUnknowns() {
	for _, value := range []*types.String{&c.ID, &c.State, &c.Health, &c.ControlPlaneEndpoint, &c.Kubeconfig} {
		if value.IsUnknown() {
			*value = types.StringNull()
		}
	}
	if c.Conditions.IsUnknown() {
		c.Conditions = types.ListNull(conditionType)
	}
	if c.Nodes.IsUnknown() {
		c.Nodes = types.MapNull(nodeType)
	}
	if c.PlannedChanges.IsUnknown() {
		c.PlannedChanges = types.ListNull(changeType)
	}
}

// SetStatus sets what the engine has observed. Conditions whose status is the same
// keep their time.
func (c *Computed) SetStatus(status *model.Status, secrets *model.Secrets, now time.Time) {
	c.State = types.StringValue(string(status.State))
	c.Health = types.StringValue(string(status.Health))
	c.setConditions(status.Conditions, now)
	c.setNodes(status.Nodes)

	if status.Endpoint != "" {
		c.ControlPlaneEndpoint = types.StringValue(status.Endpoint)
	}
	if secrets != nil && len(secrets.Kubeconfig) > 0 {
		c.Kubeconfig = types.StringValue(string(secrets.Kubeconfig))
	}
}
