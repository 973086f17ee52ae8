// Package lifecycle is what gantry_gateway and gantry_vmware_cluster share:
// both are built, changed and deleted by the same engine, and show the same
// computed attributes. The two resources add what their users write.
package lifecycle

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// Computed are the attributes that the engine fills in.
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
		"type": types.StringType, "status": types.StringType, "reason": types.StringType,
		"message": types.StringType, "last_transition_time": types.StringType,
	}}
	nodeType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"role": types.StringType, "pool": types.StringType, "address": types.StringType, "instance_uuid": types.StringType,
		"compute_cluster": types.StringType, "clone_mode": types.StringType, "ready": types.BoolType,
	}}
	changeType = types.ObjectType{AttrTypes: map[string]attr.Type{"action": types.StringType, "target": types.StringType}}
)

// Attributes are the schema of Computed. The id keeps its state in every plan.
func Attributes(thing string) map[string]schema.Attribute {
	keep := []planmodifier.String{stringplanmodifier.UseNonNullStateForUnknown()}
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	return map[string]schema.Attribute{
		"id": schema.StringAttribute{
			Computed: true, PlanModifiers: keep,
			MarkdownDescription: "Identifier of the " + thing + ", a UUID.",
		},
		"state":  text("State of the " + thing + ": `Running`, `Degraded` (its API has answered, and something is missing; the next plan repairs what it can) or `Failed` (its API never answered)."),
		"health": text("What the last look at the " + thing + " says: `Healthy`, `Unhealthy`, or `Unknown` where its API cannot be reached from where Terraform runs."),
		"conditions": schema.ListNestedAttribute{
			Computed:            true,
			MarkdownDescription: "Aspects of the " + thing + "'s health.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"type":                 text("Aspect: `MachinesReady`, `APIReady`, `NodesReady` or `PacksApplied`."),
				"status":               text("`True`, `False` or `Unknown`."),
				"reason":               text("Reason in one word."),
				"message":              text("Reason in a sentence; empty where there is nothing to say."),
				"last_transition_time": text("When the status last changed, in RFC 3339, UTC."),
			}},
		},
		"nodes": schema.MapNestedAttribute{
			Computed:            true,
			MarkdownDescription: "Nodes of the " + thing + " that have a VM, by name.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"role":            text("`control-plane` or `worker`."),
				"pool":            text("Key of the worker pool, or `cp` for the control plane."),
				"address":         text("Address of the node."),
				"instance_uuid":   text("Instance UUID of the VM in vCenter."),
				"compute_cluster": text("Compute cluster that the node was placed on."),
				"clone_mode":      text("How its disks were made: `linked` or `full`."),
				"ready":           schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the Kubernetes node is Ready; `false` also where the API cannot be reached."},
			}},
		},
		"control_plane_endpoint": schema.StringAttribute{
			Computed: true, PlanModifiers: keep,
			MarkdownDescription: "Address and port of the Kubernetes API, behind the VIP.",
		},
		"kubeconfig": schema.StringAttribute{
			Computed: true, Sensitive: true, PlanModifiers: keep,
			MarkdownDescription: "Kubeconfig of an administrator, valid for a year. It stands in the state: encrypt the state.",
		},
		"planned_changes": schema.ListNestedAttribute{
			Computed: true,
			MarkdownDescription: "Steps that the last apply ran, and in a plan those that it will run, in order. " +
				"A plan without steps keeps the list of the one before.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"action": text("What is done, such as `create_node`."),
				"target": text("Name of what it is done to."),
			}},
		},
	}
}

// unknownStatus marks what only an apply can tell. The id, the endpoint and the
// kubeconfig keep their state.
func (c *Computed) unknownStatus() {
	// What a creation that failed has not come to yet, the next apply may.
	for _, s := range []*types.String{&c.ControlPlaneEndpoint, &c.Kubeconfig} {
		if s.IsNull() {
			*s = types.StringUnknown()
		}
	}
	c.State, c.Health = types.StringUnknown(), types.StringUnknown()
	c.Conditions, c.Nodes = types.ListUnknown(conditionType), types.MapUnknown(nodeType)
}

// Settle replaces what is still unknown after a failed apply: a state may hold
// no unknown value.
func (c *Computed) Settle() {
	for _, s := range []*types.String{&c.ID, &c.State, &c.Health, &c.ControlPlaneEndpoint, &c.Kubeconfig} {
		if s.IsUnknown() {
			*s = types.StringNull()
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

// SetStatus takes over what the engine has seen. Conditions that have not
// changed their status keep their time.
func (c *Computed) SetStatus(ctx context.Context, st *engine.Status, secrets *engine.Secrets, now time.Time) diag.Diagnostics {
	var diags diag.Diagnostics
	c.State, c.Health = types.StringValue(string(st.State)), types.StringValue(string(st.Health))
	c.setConditions(ctx, st.Conditions, now, &diags)
	nodes := map[string]nodeModel{}
	for _, n := range st.Nodes {
		nodes[n.Name] = nodeModel{
			Role: types.StringValue(n.Role), Pool: types.StringValue(n.Pool), Address: types.StringValue(n.Address),
			InstanceUUID: types.StringValue(n.UUID), ComputeCluster: types.StringValue(n.ComputeCluster),
			CloneMode: types.StringValue(string(n.CloneMode)), Ready: types.BoolValue(n.Ready),
		}
	}
	var d diag.Diagnostics
	c.Nodes, d = types.MapValueFrom(ctx, nodeType, nodes)
	diags.Append(d...)
	if st.Endpoint != "" {
		c.ControlPlaneEndpoint = types.StringValue(st.Endpoint)
	}
	if secrets != nil && len(secrets.Kubeconfig) > 0 {
		c.Kubeconfig = types.StringValue(string(secrets.Kubeconfig))
	}
	return diags
}

func (c *Computed) setConditions(ctx context.Context, conditions []engine.Condition, now time.Time, diags *diag.Diagnostics) {
	var before []conditionModel
	if !c.Conditions.IsNull() && !c.Conditions.IsUnknown() {
		diags.Append(c.Conditions.ElementsAs(ctx, &before, false)...)
	}
	since := map[[2]string]types.String{}
	for _, b := range before {
		since[[2]string{b.Type.ValueString(), b.Status.ValueString()}] = b.LastTransitionTime
	}
	after := make([]conditionModel, len(conditions))
	for i, k := range conditions {
		at, ok := since[[2]string{k.Type, k.Status}]
		if !ok {
			at = types.StringValue(now.UTC().Format(time.RFC3339))
		}
		after[i] = conditionModel{
			Type: types.StringValue(k.Type), Status: types.StringValue(k.Status), Reason: types.StringValue(k.Reason),
			Message: types.StringValue(k.Message), LastTransitionTime: at,
		}
	}
	var d diag.Diagnostics
	c.Conditions, d = types.ListValueFrom(ctx, conditionType, after)
	diags.Append(d...)
}

// SetChanges takes over a list of steps.
func (c *Computed) SetChanges(ctx context.Context, changes []engine.Change) diag.Diagnostics {
	list := make([]changeModel, len(changes))
	for i, k := range changes {
		list[i] = changeModel{types.StringValue(string(k.Action)), types.StringValue(k.Target)}
	}
	var diags diag.Diagnostics
	c.PlannedChanges, diags = types.ListValueFrom(ctx, changeType, list)
	return diags
}

// Changes reads the list of steps back; nil where it is not known.
func (c *Computed) Changes(ctx context.Context) (*[]engine.Change, diag.Diagnostics) {
	if c.PlannedChanges.IsUnknown() || c.PlannedChanges.IsNull() {
		return nil, nil
	}
	var list []changeModel
	diags := c.PlannedChanges.ElementsAs(ctx, &list, false)
	changes := make([]engine.Change, len(list))
	for i, k := range list {
		changes[i] = engine.Change{Action: engine.Action(k.Action.ValueString()), Target: k.Target.ValueString()}
	}
	return &changes, diags
}
