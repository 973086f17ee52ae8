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
	c.SetStatus(status(model.ConditionFalse), nil, first)
	c.SetStatus(status(model.ConditionTrue), &model.Secrets{Kubeconfig: []byte("new")}, first.Add(time.Hour))
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

// TestKeepStatus is an apply that could not observe at its end: the next plan still
// knows which VMs there were.
func TestKeepStatus(t *testing.T) {
	t.Parallel()
	var prior enginecrud.Computed
	prior.SetStatus(&model.Status{
		State: model.StateRunning, Health: model.Healthy, Endpoint: "10.10.140.1",
		Conditions: []model.Condition{{Type: "APIReady", Status: model.ConditionTrue}},
		Nodes:      []model.NodeStatus{{Name: "prod-cp-1", VM: "VirtualMachine:vm-7"}},
	}, &model.Secrets{Kubeconfig: []byte("kept")}, time.Now())
	var c enginecrud.Computed
	c.MarkUnknown()
	c.KeepStatus(&prior)
	c.NullUnknowns()
	if !c.Nodes.Equal(prior.Nodes) || !c.Conditions.Equal(prior.Conditions) || c.State != prior.State || c.Health != prior.Health {
		t.Errorf("of %+v is kept %+v", prior, c)
	}
	if c.ControlPlaneEndpoint.ValueString() != "10.10.140.1" || c.Kubeconfig.ValueString() != "kept" {
		t.Errorf("the endpoint is %s, the kubeconfig %s", c.ControlPlaneEndpoint, c.Kubeconfig)
	}
}
