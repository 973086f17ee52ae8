package plan_test

import (
	"errors"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

func TestUsageIsJudgedByItsLimits(t *testing.T) {
	t.Parallel()
	used := func(cpu, memory int64) model.NodeUsage {
		return model.NodeUsage{
			Allocatable: model.Amount{CPU: 2000, Memory: 1000}, Used: model.Amount{CPU: cpu, Memory: memory}, Measured: true,
		}
	}
	limits := model.UsageLimits{CPU: 75, Memory: 60, NodeCPU: 90, NodeMemory: 80}
	for name, c := range map[string]struct {
		limits  model.UsageLimits
		usage   model.Usage
		err     error
		silent  bool
		status  model.ConditionStatus
		message string
	}{
		"at the limits": {limits, model.Usage{"a": used(1800, 800), "b": used(1200, 400)}, nil, false, model.ConditionTrue, ""},
		"in all": {
			limits, model.Usage{"a": used(1700, 600), "b": used(1500, 600)}, nil, false,
			model.ConditionFalse, "Over their limit: all nodes together: 80 % of the CPU (limit 75 %).",
		},
		"of a node": {
			limits, model.Usage{"a": used(100, 801), "b": used(100, 100)}, nil, false,
			model.ConditionFalse, "Over their limit: node a: 81 % of the memory (limit 80 %).",
		},
		"without a limit": {model.UsageLimits{NodeMemory: 80}, model.Usage{"a": used(2000, 1)}, nil, false, model.ConditionTrue, ""},
		"a new node": {
			model.UsageLimits{CPU: 50}, model.Usage{"a": used(1800, 1), "b": {Allocatable: model.Amount{CPU: 9000}}}, nil, false,
			model.ConditionFalse, "Over their limit: all nodes together: 90 % of the CPU (limit 50 %).",
		},
		"not measured": {
			limits, model.Usage{"a": {Allocatable: model.Amount{CPU: 2000}}}, nil, false,
			model.ConditionUnknown, "The cluster serves no metrics of nodes (metrics.k8s.io), as metrics-server does.",
		},
		"not readable":      {limits, nil, errors.New("forbidden"), false, model.ConditionUnknown, "forbidden"},
		"the API is silent": {limits, nil, nil, true, model.ConditionUnknown, ""},
	} {
		s, f := small(1, 1), running(1, 1)
		s.UsageLimits = &c.limits
		if c.silent {
			unreachable(f)
		}
		checks := well(f)
		checks.Usage, checks.UsageError = c.usage, c.err
		st := plan.Status(s, f, checks, today)
		found := false
		for _, got := range st.Conditions {
			if got.Type != "UsageWithinLimits" {
				continue
			}
			found = true
			if got.Status != c.status || got.Message != c.message {
				t.Errorf("%s: got %+v", name, got)
			}
		}
		if want := c.status == model.ConditionFalse; !found || (st.Health == model.Unhealthy) != want && !c.silent {
			t.Errorf("%s: health %s, %v", name, st.Health, st.Conditions)
		}
		if st.State != model.StateRunning && !c.silent {
			t.Errorf("%s: state %s, which no apply can change", name, st.State)
		}
	}
	s, f := small(1, 1), running(1, 1)
	for _, c := range plan.Status(s, f, &model.HealthChecks{}, today).Conditions {
		if c.Type == "UsageWithinLimits" {
			t.Errorf("without limits: %+v", c)
		}
	}
}
