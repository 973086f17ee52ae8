package enginecrud_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// TestConditionsKeepTheirTime refreshes twice: what has not changed keeps its time.
func TestConditionsKeepTheirTime(t *testing.T) {
	t.Parallel()
	status := func(nodes model.ConditionStatus) *model.Status {
		return &model.Status{
			State:      model.StateRunning,
			Health:     model.Healthy,
			Conditions: []model.Condition{{Type: "APIReady", Status: model.ConditionTrue}, {Type: "NodesReady", Status: nodes}},
			Nodes:      []model.NodeStatus{{Name: "prod-cp-1", Role: model.RoleControlPlane, Ready: true}},
		}
	}
	first := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var c enginecrud.Computed
	diags := c.SetStatus(t.Context(), status(model.ConditionFalse), nil, first)
	diags.Append(c.SetStatus(t.Context(), status(model.ConditionTrue), &model.Secrets{Kubeconfig: []byte("new")}, first.Add(time.Hour))...)
	if diags.HasError() {
		t.Fatal(diags)
	}
	elements := c.Conditions.Elements()
	if len(elements) != 2 || !strings.Contains(elements[0].String(), "03:04:05") || !strings.Contains(elements[1].String(), "04:04:05") {
		t.Errorf("got %v", elements)
	}
	if c.Kubeconfig.ValueString() != "new" || len(c.Nodes.Elements()) != 1 {
		t.Errorf("the kubeconfig is %s, the nodes %s", c.Kubeconfig, c.Nodes)
	}
}

func TestNullUnknowns(t *testing.T) {
	t.Parallel()
	var c enginecrud.Computed
	c.MarkUnknown()
	if !c.State.IsUnknown() || !c.PlannedChanges.IsUnknown() || !c.Kubeconfig.IsUnknown() {
		t.Errorf("marked as unknown: %+v", c)
	}
	c.NullUnknowns()
	if !c.State.IsNull() || !c.PlannedChanges.IsNull() || !c.Conditions.IsNull() || !c.Nodes.IsNull() || !c.Kubeconfig.IsNull() {
		t.Errorf("something is not null: %+v", c)
	}
}
