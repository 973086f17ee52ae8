package plan_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// A run on a gateway's agent never deletes the nodes that it runs on.
func TestRunOnTheGatewayItself(t *testing.T) {
	t.Parallel()
	const refusal = "This run is on the gateway that it would take away"
	with := func(change func(*model.ClusterSpec)) *model.ClusterSpec {
		s := small(1, 0)
		s.Kind = record.KindGateway
		s.ID = clusterID
		change(s)
		return s
	}
	for name, c := range map[string]struct {
		spec    *model.ClusterSpec
		refused bool
	}{
		"a roll":    {with(func(s *model.ClusterSpec) { s.ControlPlane.CPU++ }), true},
		"a reset":   {with(func(s *model.ClusterSpec) { s.Reset = "other" }), true},
		"growth":    {with(func(s *model.ClusterSpec) { s.ControlPlane.Count = 3 }), false},
		"an update": {with(func(s *model.ClusterSpec) { s.Packs = []model.Pack{{Name: "agent", Manifests: []string{"x"}}} }), false},
	} {
		for _, inside := range []uuid.UUID{clusterID, uuid.New(), uuid.Nil} {
			f := running(1, 0)
			p := plan.Cluster(c.spec, f)
			limits := limitsFor(c.spec, 100)
			limits.Inside = inside
			plan.Check(c.spec, f, p, limits)
			want := c.refused && inside == clusterID
			if got := refuses(p, refusal); got != want {
				t.Errorf("%s, inside %s: refused %t, want %t: %v", name, inside, got, want, p.Problems)
			}
		}
	}
	target := with(func(*model.ClusterSpec) {}).Target()
	for _, inside := range []uuid.UUID{clusterID, uuid.New(), uuid.Nil} {
		p := plan.Destroy(target, running(1, 0), &model.Limits{Inside: inside})
		if got := refuses(p, refusal); got != (inside == clusterID) {
			t.Errorf("destroyed inside %s: refused %t", inside, got)
		}
	}
}

func refuses(p *model.Plan, summary string) bool {
	for _, problem := range p.Problems {
		if problem.Summary == summary {
			return true
		}
	}
	return false
}
