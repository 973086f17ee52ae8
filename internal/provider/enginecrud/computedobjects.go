package enginecrud

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// The lists and maps of objects that the engine reports are made and read here without
// the framework's reflection, which looks at each field of each object by itself: there
// are as many as a cluster has nodes.

// texts are the attributes of an object that has nothing but text.
func texts(byName map[string]string) map[string]attr.Value {
	out := make(map[string]attr.Value, len(byName))
	for name, text := range byName {
		out[name] = types.StringValue(text)
	}
	return out
}

// textOf is an attribute of an element; empty where it is no text.
func textOf(element attr.Value, name string) string {
	object, ok := element.(types.Object)
	if !ok {
		return ""
	}
	text, ok := object.Attributes()[name].(types.String)
	if !ok {
		return ""
	}
	return text.ValueString()
}

func (c *Computed) setConditions(conditions []model.Condition, now time.Time) {
	since := map[[2]string]string{}
	for _, condition := range c.Conditions.Elements() {
		since[[2]string{textOf(condition, "type"), textOf(condition, "status")}] = textOf(condition, "last_transition_time")
	}

	after := make([]attr.Value, len(conditions))
	for i, condition := range conditions {
		at, unchanged := since[[2]string{condition.Type, string(condition.Status)}]
		if !unchanged {
			at = now.UTC().Format(time.RFC3339)
		}
		after[i] = types.ObjectValueMust(conditionType.AttrTypes, texts(map[string]string{
			"type":                 condition.Type,
			"status":               string(condition.Status),
			"reason":               condition.Reason,
			"message":              condition.Message,
			"last_transition_time": at,
		}))
	}
	c.Conditions = types.ListValueMust(conditionType, after)
}

func (c *Computed) setNodes(nodes []model.NodeStatus) {
	byName := make(map[string]attr.Value, len(nodes))
	for _, node := range nodes {
		attributes := texts(map[string]string{
			"role":            string(node.Role),
			"pool":            node.NodePool,
			"address":         node.Address,
			"instance_uuid":   node.UUID,
			"vm_id":           strings.TrimPrefix(node.VM, machineType),
			"compute_cluster": node.ComputeCluster,
			"clone_mode":      string(node.CloneMode),
		})
		attributes["ready"] = types.BoolValue(node.Ready)
		byName[node.Name] = types.ObjectValueMust(nodeType.AttrTypes, attributes)
	}
	c.Nodes = types.MapValueMust(nodeType, byName)
}

// machineType is what references of VMs begin with, and is left out of vm_id.
const machineType = "VirtualMachine:"

// known are the VMs that the values know of: those that were there when they were
// written.
func (c *Computed) known() []model.KnownMachine {
	nodes := c.Nodes.Elements()
	var known []model.KnownMachine
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if id := textOf(nodes[name], "vm_id"); id != "" {
			known = append(known, model.KnownMachine{Node: name, Ref: machineType + id})
		}
	}
	return known
}

// SetChanges sets the list of steps.
func (c *Computed) SetChanges(changes []model.Change) {
	list := make([]attr.Value, len(changes))
	for i, change := range changes {
		list[i] = types.ObjectValueMust(changeType.AttrTypes, texts(map[string]string{
			"action": string(change.Action),
			"target": change.Target,
		}))
	}
	c.PlannedChanges = types.ListValueMust(changeType, list)
}

// Changes returns the list of steps; nil where it is not known.
func (c *Computed) Changes() *[]model.Change {
	if c.PlannedChanges.IsUnknown() || c.PlannedChanges.IsNull() {
		return nil
	}
	list := c.PlannedChanges.Elements()
	changes := make([]model.Change, len(list))
	for i, change := range list {
		changes[i] = model.Change{Action: model.Action(textOf(change, "action")), Target: textOf(change, "target")}
	}
	return &changes
}
