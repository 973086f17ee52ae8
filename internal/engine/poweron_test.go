package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestPowerOnIsRefused has admission control refuse to power a node on: the error says
// so, with the VM's path and in vCenter's words, nothing secret is left in the VM, and
// the next apply builds the node.
func TestPowerOnIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.spec(1, 0), newSecrets(t)
	w.must(w.sim.AddFault(simulator.Fault{
		Kind: simulator.FailTask, Call: "PowerOnVM_Task", Fault: "InsufficientFailoverResourcesFault",
	}))
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	for _, part := range []string{`"/dc-1/vm/k8s/prod/prod-cp-1"`, "Insufficient resources to satisfy configured failover level"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
	survey, err := w.engine().Reader.Survey(t.Context(), model.SurveyRequest{Cluster: out.ID})
	w.must(err)
	if len(survey.Machines) != 1 || survey.Machines[0].PoweredOn || survey.Machines[0].Userdata {
		t.Errorf("machines %+v", survey.Machines)
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Errorf("the next apply: %v", err)
	}
}

// TestAnswerOfACloneIsLost: the clone goes on in vCenter, unseen, and its name is
// taken, from its start or only at its end. The same apply waits for it, adopts it,
// which is off, and powers it on.
func TestAnswerOfACloneIsLost(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]simulator.Options{
		"its name is taken from the start": {CloneDuration: 3 * time.Second},
		"its name is taken at the end":     {CloneDuration: 3 * time.Second, LateNames: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options)
			w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DropAfter, Call: "CloneVM_Task"}))
			e := w.engine()
			e.Timing.RetryBudget = 2 * time.Second // the clone takes longer
			out, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 1), Secrets: newSecrets(t)})
			w.must(err)
			if len(out.Status.Nodes) != 2 || out.Status.State != model.StateRunning {
				t.Errorf("status %+v", out.Status)
			}
		})
	}
}
