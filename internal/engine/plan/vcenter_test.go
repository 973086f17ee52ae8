package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

func TestVersionOfVCenter(t *testing.T) {
	t.Parallel()
	for api, want := range map[string]struct{ refused, warned bool }{
		"5.5": {refused: true}, "6.5": {refused: true}, "6.7": {refused: true}, "6.7.2": {refused: true},
		"6.7.3": {warned: true}, "6.7.3.1": {warned: true}, "6.9.1": {warned: true},
		"7.0": {}, "7.0.3.0": {}, "8.0.2.0": {}, "9.0.0.0": {}, "10.0": {}, "": {}, "next": {},
	} {
		for _, creation := range []bool{true, false} {
			s := small(1, 0)
			s.New = creation
			f := &model.Facts{}
			if !creation {
				f = running(1, 0)
			}
			limits := limitsFor(s, 100)
			limits.APIVersion = api
			p := plan.Cluster(s, f)
			plan.Check(s, f, p, limits)
			if got := refuses(p, "vCenter is too old"); got != (want.refused && creation) {
				t.Errorf("%q, creation %t: refused %t", api, creation, got)
			}
			warned := false
			for _, w := range p.Warnings {
				warned = warned || w.Summary == "vCenter is no longer supported"
			}
			if warned != (want.warned && creation) {
				t.Errorf("%q, creation %t: warned %t", api, creation, warned)
			}
		}
	}
}
