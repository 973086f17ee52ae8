package engine_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// spanning is a pool on the nodes' network.
func spanning(start, end string) record.IPPool {
	return record.IPPool{
		Name: "pool", Start: start, End: end, PrefixLength: 18, DefaultGateway: "10.10.128.1", Nameservers: []string{"10.10.128.2"},
	}
}

// TestPlanOnWhatAPoolWillBe plans clusters on pools that the same run creates, changes,
// deletes, or writes in another process.
func TestPlanOnWhatAPoolWillBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	created := uuid.NewSHA1(uuid.Nil, []byte("created"))
	registered := w.spec(1, 1).ControlPlane.Placements[0].IPPoolID
	written := func(body record.IPPool) model.PlannedIPPool {
		return model.PlannedIPPool{Fate: model.IPPoolWritten, Record: body}
	}
	applying := unknownFormer
	applying.Applying = yes
	for name, c := range map[string]struct {
		pool    uuid.UUID
		planned model.PlannedIPPool
		former  engine.Former
		refused string
		warned  string
		missing bool
	}{
		"created": {pool: created, planned: written(spanning("10.10.184.1", "10.10.184.9"))},
		"created, too small": {
			pool: created, planned: written(spanning("10.10.184.1", "10.10.184.4")), refused: "4 addresses, 0 in use and 4 free",
		},
		"created in other networks": {
			pool: created,
			planned: written(record.IPPool{
				Name: "pool", Start: "2001:db8::10", End: "2001:db8::20", PrefixLength: 64, DefaultGateway: "2001:db8::1",
			}),
			refused: "different families",
		},
		"created at another gateway": {
			pool:    created,
			planned: model.PlannedIPPool{Fate: model.IPPoolWritten, Record: spanning("10.10.184.1", "10.10.184.9"), GatewayID: uuid.New()},
			refused: "belongs to gateway",
		},
		"shrunk":                {pool: registered, planned: written(spanning("10.10.183.1", "10.10.183.4")), refused: "4 addresses"},
		"kept":                  {pool: registered},
		"changed, not known to": {pool: registered, planned: model.PlannedIPPool{Fate: model.IPPoolUnknown}, missing: true},
		"deleted":               {pool: registered, planned: model.PlannedIPPool{Fate: model.IPPoolDeleted}, missing: true},
		"of an alias":           {pool: created, missing: true},
		"created in an apply, too small": {
			pool: created, former: applying, planned: written(spanning("10.10.184.1", "10.10.184.4")),
			warned: "4 addresses, 0 in use and 4 free",
		},
	} {
		spec := w.spec(1, 1)
		spec.ControlPlane.Placements[0].IPPoolID = c.pool
		spec.Workers[0].Placements = spec.ControlPlane.Placements
		e := w.engine()
		e.PlannedIPPool = func(id uuid.UUID) model.PlannedIPPool {
			if id == c.pool {
				return c.planned
			}
			return model.PlannedIPPool{}
		}
		if c.former.Seen == nil {
			c.former = unknownFormer
		}
		p, err := e.PlanCreation(t.Context(), spec, c.former)
		if err != nil {
			t.Fatal(err)
		}
		var problems, warnings []string
		for _, f := range p.Problems {
			problems = append(problems, f.String())
		}
		for _, f := range p.Warnings {
			warnings = append(warnings, f.String())
		}
		refused, warned := strings.Join(problems, "\n"), strings.Join(warnings, "\n")
		if (refused == "") != (c.refused == "") || !strings.Contains(refused, c.refused) || !strings.Contains(warned, c.warned) {
			t.Errorf("%s: %q, warned %q", name, refused, warned)
		}
		if len(p.MissingIPPools) > 0 != c.missing || len(p.Steps()) == 0 {
			t.Errorf("%s: missing %v, steps %v", name, p.MissingIPPools, actions(p))
		}
	}
}

// TestPlanOnARecentPool writes a pool after the process began that plans: what is wrong
// with it is the apply's to refuse.
func TestPlanOnARecentPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	pool := w.addPool("small", "10.10.184.1", "10.10.184.3")
	spec := w.spec(1, 1)
	spec.ControlPlane.Placements[0].IPPoolID = pool
	spec.Workers[0].Placements = spec.ControlPlane.Placements
	l := w.engine().Ledger
	rec, err := l.Record(t.Context(), pool)
	w.must(err)
	body, err := rec.IPPool()
	w.must(err)
	body.Written = 1000
	raw, err := json.Marshal(body)
	w.must(err)
	w.must(l.UpdateRecord(t.Context(), pool, raw))
	for since, problems := range map[int64]int{0: 1, 1000: 0, 1001: 1} {
		e := w.engine()
		e.PlannedIPPool = func(uuid.UUID) model.PlannedIPPool { return model.PlannedIPPool{Since: since} }
		p, err := e.PlanCreation(t.Context(), spec, unknownFormer)
		if err != nil || len(p.Problems) != problems {
			t.Errorf("since %d: %v (%v)", since, p.Problems, err)
		}
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	if err == nil || !strings.Contains(err.Error(), "The IP pool is too small") || out.ID != uuid.Nil {
		t.Errorf("the apply: %v", err)
	}
}

// TestApplyNamesTheFieldOfAMissingPool applies what no plan could judge.
func TestApplyNamesTheFieldOfAMissingPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 0)
	spec.Workers = nil
	spec.ControlPlane.Placements[0].IPPoolID = uuid.NewSHA1(uuid.Nil, []byte("none"))
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	refused, ok := errors.AsType[*model.PlanError](err)
	want := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldIPPool)
	if !ok || out.ID != uuid.Nil || len(refused.Problems) != 1 || refused.Problems[0].Fields[0] != want {
		t.Errorf("got %v", err)
	}
}
