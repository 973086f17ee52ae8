package engine_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestCallsToVCenter holds what a cluster may cost vCenter. Sessions are open
// when counting begins.
func TestCallsToVCenter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	e := w.engine()
	count := func(what string, most int, do func()) {
		t.Helper()
		w.sim.ResetCalls()
		do()
		if calls := w.sim.Calls(); calls.Total > most {
			t.Errorf("%s took %d calls, more than %d: %v %v", what, calls.Total, most, calls.SOAP, calls.REST)
		} else {
			t.Logf("%s: %d calls: %v %v", what, calls.Total, calls.SOAP, calls.REST)
		}
	}
	spec, secrets := w.spec(1, 40), newSecrets(t)
	if _, err := e.Ledger.Taken(t.Context()); err != nil { // opens the second session
		t.Fatal(err)
	}
	count("a plan of a creation", 7, func() {
		if _, err := e.Plan(t.Context(), spec, nil, nil); err != nil {
			t.Fatal(err)
		}
	})
	count("a creation of 41 nodes", 4*41, func() {
		out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err != nil {
			t.Fatal(err)
		}
		spec.ID, spec.New = out.ID, false
	})
	count("a refresh of 41 nodes", 5, func() {
		_, look, err := e.Status(t.Context(), spec, secrets)
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Plan(t.Context(), spec, secrets, look)
		if err != nil || len(p.Steps) > 0 {
			t.Fatalf("%v, %v", actions(p), err)
		}
	})
	spec.Workers[0].Count = 35
	count("taking 5 nodes away", 50, func() {
		if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
			t.Fatal(err)
		}
	})
	count("a destruction of 36 nodes", 6*36+20, func() {
		if err := e.Destroy(t.Context(), spec.Target(), secrets); err != nil {
			t.Fatal(err)
		}
	})
}
