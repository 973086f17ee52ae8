package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

const day = 24 * time.Hour

// expires has nodes tell when their certificates end.
func expires(f *model.Facts, left map[string]time.Duration) *model.Facts {
	for name, span := range left {
		node := f.API.Nodes[name]
		node.CertificatesExpire = today.Add(span)
		f.API.Nodes[name] = node
	}
	return f
}

func TestCertificatesAreACondition(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		left      map[string]time.Duration
		silent    bool // the API
		condition model.Condition
		health    model.Health
		warns     bool
	}{
		"valid for long": {left: map[string]time.Duration{"c-cp-1": 300 * day, "c-cp-2": 200 * day, "c-cp-3": 250 * day}, health: model.Healthy,
			condition: model.Condition{Status: isTrue, Reason: "Valid",
				Message: "The first to end are those of c-cp-2, at 2027-09-17T12:00:00Z."}},
		"the first for sixty days": {left: map[string]time.Duration{"c-cp-1": 60 * day, "c-cp-2": 200 * day, "c-cp-3": 250 * day},
			health: model.Healthy,
			condition: model.Condition{Status: isTrue, Reason: "Valid",
				Message: "The first to end are those of c-cp-1, at 2027-04-30T12:00:00Z."}},
		"the last for less": {left: map[string]time.Duration{"c-cp-1": 300 * day, "c-cp-2": 200 * day, "c-cp-3": 60*day - time.Second},
			health: model.Healthy, warns: true,
			condition: model.Condition{Status: isTrue, Reason: "ExpiringSoon",
				Message: "The first to end are those of c-cp-3, at 2027-04-30T11:59:59Z."}},
		"over": {left: map[string]time.Duration{"c-cp-1": 0, "c-cp-2": 200 * day, "c-cp-3": 250 * day}, health: model.Unhealthy, warns: true,
			condition: model.Condition{Status: isFalse, Reason: "Expired",
				Message: "The first to end are those of c-cp-1, at 2027-03-01T12:00:00Z."}},
		"told by one": {left: map[string]time.Duration{"c-cp-2": 200 * day}, health: model.Healthy,
			condition: model.Condition{Status: isTrue, Reason: "Valid",
				Message: "The first to end are those of c-cp-2, at 2027-09-17T12:00:00Z. Not told by c-cp-1, c-cp-3."}},
		// Whoever may write to a worker's node has no say.
		"told by a worker": {left: map[string]time.Duration{"c-w-1": -day}, health: model.Healthy,
			condition: model.Condition{Status: unknown, Reason: "NotReported",
				Message: "No control-plane node tells when its certificates end."}},
		"unreachable": {left: map[string]time.Duration{"c-cp-1": -day}, silent: true, health: model.Unknown,
			condition: model.Condition{Status: unknown, Reason: "APIUnknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := expires(running(3, 1), c.left)
			if c.silent {
				unreachable(f)
			}
			c.condition.Type = "CertificatesValid"
			// Nothing of it is for an apply to repair.
			got := plan.Status(small(3, 1), f, nil, today)
			if !slices.Contains(got.Conditions, c.condition) || got.Health != c.health || got.State != model.StateRunning {
				t.Errorf("%s, %s, %+v", got.State, got.Health, got.Conditions)
			}
			found := plan.Certificates(f, today)
			if len(found.Problems) > 0 || (len(found.Warnings) > 0) != c.warns {
				t.Errorf("findings %+v", found)
			}
			if c.warns && !strings.Contains(found.Warnings[0].Detail, "journalctl -u gantry-certificates.service") {
				t.Errorf("the warning does not say what to do: %s", found.Warnings[0])
			}
		})
	}
}
