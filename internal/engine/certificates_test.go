package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestCertificatesOfAYear lets the greater part of a year go by on a node that does not
// renew its certificates: the condition and the plan say so, and no step follows. Then it
// is powered on again, which renews them.
func TestCertificatesOfAYear(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	observed := func() (model.Condition, *model.Facts) {
		status, facts, err := w.engine().Status(t.Context(), spec, secrets)
		w.must(err)
		i := slices.IndexFunc(status.Conditions, func(c model.Condition) bool { return c.Type == "CertificatesValid" })
		return status.Conditions[i], facts
	}
	warned := func(remembered *model.Facts) bool {
		p, err := w.engine().Plan(t.Context(), spec, secrets, remembered)
		w.must(err)
		if len(p.Changes()) > 0 || len(p.Problems) > 0 {
			t.Errorf("changes %v, problems %v", p.Changes(), p.Problems)
		}
		return slices.ContainsFunc(p.Warnings, func(f model.Finding) bool { return strings.Contains(f.Summary, "end soon") })
	}
	got, facts := observed()
	if got.Status != model.ConditionTrue || got.Reason != "Valid" || warned(facts) || warned(nil) {
		t.Errorf("on the first day: %+v, or a plan warns", got)
	}

	w.sim.AdvanceClock(310 * 24 * time.Hour)
	got, facts = observed()
	if got.Status != model.ConditionTrue || got.Reason != "ExpiringSoon" || !strings.Contains(got.Message, "prod-cp-1") {
		t.Errorf("after 310 days: %+v", got)
	}
	if !warned(facts) || !warned(nil) {
		t.Error("after 310 days no plan warns")
	}

	w.must(w.sim.PowerOffVM("prod-cp-1"))
	w.must(w.sim.PowerOnVM("prod-cp-1"))
	for deadline := time.Now().Add(2 * time.Minute); got.Reason != "Valid"; got, facts = observed() {
		if time.Now().After(deadline) {
			t.Fatalf("after a boot: %+v", got)
		}
	}
	if warned(facts) {
		t.Error("a plan warns after the renewal")
	}
}
