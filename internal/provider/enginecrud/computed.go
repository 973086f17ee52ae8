package enginecrud

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
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

type conditionModel struct {
	Type               types.String `tfsdk:"type"`
	Status             types.String `tfsdk:"status"`
	Reason             types.String `tfsdk:"reason"`
	Message            types.String `tfsdk:"message"`
	LastTransitionTime types.String `tfsdk:"last_transition_time"`
}

type nodeModel struct {
	Role           types.String `tfsdk:"role"`
	Pool           types.String `tfsdk:"pool"`
	Address        types.String `tfsdk:"address"`
	InstanceUUID   types.String `tfsdk:"instance_uuid"`
	VMID           types.String `tfsdk:"vm_id"`
	ComputeCluster types.String `tfsdk:"compute_cluster"`
	CloneMode      types.String `tfsdk:"clone_mode"`
	Ready          types.Bool   `tfsdk:"ready"`
}

type changeModel struct {
	Action types.String `tfsdk:"action"`
	Target types.String `tfsdk:"target"`
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
func (c *Computed) SetStatus(ctx context.Context, status *model.Status, secrets *model.Secrets, now time.Time) diag.Diagnostics {
	c.State = types.StringValue(string(status.State))
	c.Health = types.StringValue(string(status.Health))
	diags := c.setConditions(ctx, status.Conditions, now)
	diags.Append(c.setNodes(ctx, status.Nodes)...)

	if status.Endpoint != "" {
		c.ControlPlaneEndpoint = types.StringValue(status.Endpoint)
	}
	if secrets != nil && len(secrets.Kubeconfig) > 0 {
		c.Kubeconfig = types.StringValue(string(secrets.Kubeconfig))
	}
	return diags
}

func (c *Computed) setConditions(ctx context.Context, conditions []model.Condition, now time.Time) diag.Diagnostics {
	var diags diag.Diagnostics
	var before []conditionModel
	if !c.Conditions.IsNull() && !c.Conditions.IsUnknown() {
		diags.Append(c.Conditions.ElementsAs(ctx, &before, false)...)
	}
	since := map[[2]string]types.String{}
	for _, condition := range before {
		since[[2]string{condition.Type.ValueString(), condition.Status.ValueString()}] = condition.LastTransitionTime
	}

	after := make([]conditionModel, len(conditions))
	for i, condition := range conditions {
		at, unchanged := since[[2]string{condition.Type, string(condition.Status)}]
		if !unchanged {
			at = types.StringValue(now.UTC().Format(time.RFC3339))
		}
		after[i] = conditionModel{
			Type:               types.StringValue(condition.Type),
			Status:             types.StringValue(string(condition.Status)),
			Reason:             types.StringValue(condition.Reason),
			Message:            types.StringValue(condition.Message),
			LastTransitionTime: at,
		}
	}
	list, more := types.ListValueFrom(ctx, conditionType, after)
	diags.Append(more...)
	c.Conditions = list
	return diags
}

func (c *Computed) setNodes(ctx context.Context, nodes []model.NodeStatus) diag.Diagnostics {
	byName := make(map[string]nodeModel, len(nodes))
	for _, node := range nodes {
		byName[node.Name] = nodeModel{
			Role:           types.StringValue(string(node.Role)),
			Pool:           types.StringValue(node.NodePool),
			Address:        types.StringValue(node.Address),
			InstanceUUID:   types.StringValue(node.UUID),
			VMID:           types.StringValue(strings.TrimPrefix(node.VM, machineType)),
			ComputeCluster: types.StringValue(node.ComputeCluster),
			CloneMode:      types.StringValue(string(node.CloneMode)),
			Ready:          types.BoolValue(node.Ready),
		}
	}
	var diags diag.Diagnostics
	c.Nodes, diags = types.MapValueFrom(ctx, nodeType, byName)
	return diags
}

// machineType is what references of VMs begin with, and is left out of vm_id.
const machineType = "VirtualMachine:"

// known are the VMs that the values know of: those that were there when they were
// written.
func (c *Computed) known(ctx context.Context) ([]model.KnownMachine, diag.Diagnostics) {
	if c.Nodes.IsNull() || c.Nodes.IsUnknown() {
		return nil, nil
	}
	var nodes map[string]nodeModel
	diags := c.Nodes.ElementsAs(ctx, &nodes, false)
	var known []model.KnownMachine
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if id := nodes[name].VMID.ValueString(); id != "" {
			known = append(known, model.KnownMachine{Node: name, Ref: machineType + id})
		}
	}
	return known, diags
}

// SetChanges sets the list of steps.
func (c *Computed) SetChanges(ctx context.Context, changes []model.Change) diag.Diagnostics {
	list := make([]changeModel, len(changes))
	for i, change := range changes {
		list[i] = changeModel{
			Action: types.StringValue(string(change.Action)),
			Target: types.StringValue(change.Target),
		}
	}
	var diags diag.Diagnostics
	c.PlannedChanges, diags = types.ListValueFrom(ctx, changeType, list)
	return diags
}

// Changes returns the list of steps; nil where it is not known.
func (c *Computed) Changes(ctx context.Context) (*[]model.Change, diag.Diagnostics) {
	if c.PlannedChanges.IsUnknown() || c.PlannedChanges.IsNull() {
		return nil, nil
	}
	var list []changeModel
	diags := c.PlannedChanges.ElementsAs(ctx, &list, false)
	changes := make([]model.Change, len(list))
	for i, change := range list {
		changes[i] = model.Change{Action: model.Action(change.Action.ValueString()), Target: change.Target.ValueString()}
	}
	return &changes, diags
}
