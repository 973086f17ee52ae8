package engine_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// rename gives objects other names, one after the other.
func (w *world) rename(pairs ...string) {
	w.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		w.must(w.sim.Rename(pairs[i], pairs[i+1]))
	}
}

// named is a spec with other names in the placements of all nodes.
func named(spec model.ClusterSpec, with func(*model.Placement)) model.ClusterSpec {
	spec.Workers = slices.Clone(spec.Workers)
	for _, pool := range []*model.NodePool{&spec.ControlPlane, &spec.Workers[0]} {
		pool.Placements = slices.Clone(pool.Placements)
		for i := range pool.Placements {
			with(&pool.Placements[i])
		}
	}
	return spec
}

// update applies and returns the spec as the state has it after.
func (w *world) update(spec model.ClusterSpec, secrets *model.Secrets, want ...string) (model.ClusterSpec, *model.Plan) {
	w.t.Helper()
	e := w.engine()
	_, facts, err := e.Status(w.t.Context(), spec, secrets)
	w.must(err)
	p, err := e.Plan(w.t.Context(), spec, secrets, facts)
	w.must(err)
	if got := actions(p); !slices.Equal(got, want) || p.Err() != nil {
		w.t.Fatalf("planned %v (%v), want %v", got, p.Err(), want)
	}
	shown := p.Changes()
	out, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
	w.must(err)
	return kept(spec, out), p
}

func warned(p *model.Plan, words ...string) bool {
	return slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(f.String(), word) })
	})
}

// TestRenamedObjectsAreTheSame renames all that a cluster was built with. It goes on
// under the former names, with warnings, and under the new ones, which roll and move
// nothing.
func TestRenamedObjectsAreTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 1))
	w.rename(
		"/dc-1/network/dvpg-nodes", "nodes", "/dc-1/datastore/shared-1", "shared", "/dc-1/host/cluster-a/Resources/gantry", "team",
		"/dc-1/host/cluster-a", "compute", "/dc-1/vm/templates/gantry-node-1.37.2", "node", "/dc-1", "dc",
	)

	// The configuration does not follow yet. The second placement was never built on.
	spec.Workers[0].Placements = spec.Workers[0].Placements[:1]
	spec.Workers[0].Count = 2
	spec, p := w.update(spec, secrets, "create_node prod-general-2")
	for _, was := range []string{
		`Network "dvpg-nodes"`, `Datastore "shared-1"`, `Resource pool "gantry"`, `Compute cluster "cluster-a"`,
		`Template "gantry-node-1.37.2"`, `Datacenter "dc-1"`,
	} {
		if !warned(p, was+" was renamed or moved", "/dc") {
			t.Errorf("no warning about %s: %v", was, p.Warnings)
		}
	}

	followed := named(spec, func(p *model.Placement) {
		p.Network, p.Datastore, p.ResourcePool, p.ComputeCluster = "nodes", "/dc/datastore/shared", "team", "compute"
	})
	followed.Image.Template = "node"
	followed.Datacenter = "/dc"
	e := w.engine()
	for name, want := range map[string]bool{"dc": true, "/dc": true, "dc-1": false, "dc-2": false} {
		if inside, err := e.InDatacenter(t.Context(), spec.Ref, name); err != nil || inside != want {
			t.Errorf("in %s: %v, %v", name, inside, err)
		}
	}
	followed, p = w.update(followed, secrets)
	if len(warnings(p)) > 0 {
		t.Errorf("warnings %v", p.Warnings)
	}
	// Where there would be no step either way, what speaks against it is asked, too.
	status, facts, err := e.Status(t.Context(), followed, secrets)
	w.must(err)
	w.upToDate(&engine.Outcome{Status: status}, "")
	facts.API = model.APIFacts{Asked: true, Error: "no route"}
	p, err = e.Plan(t.Context(), followed, secrets, facts)
	w.must(err)
	if !p.Empty() || p.Err() != nil || warned(p, "postponed") {
		t.Errorf("planned %v, problems %v, warnings %v", actions(p), p.Problems, p.Warnings)
	}
	followed.Workers[0].Count = 3
	if _, p = w.update(followed, secrets, "create_node prod-general-3"); warned(p, "renamed") || warned(p, "another object") {
		t.Errorf("warnings %v", p.Warnings)
	}

	// What is really another place is one.
	followed.ControlPlane.Placements[0].Network = "dvpg-b"
	if p = w.plan(followed, secrets); !slices.Equal(actions(p), []string{"create_node prod-cp-2", "delete_node prod-cp-1"}) {
		t.Errorf("planned %v, problems %v", actions(p), p.Problems)
	}
}

// TestTemplateThatWasRebuiltRollsNothing has another template under the name of the
// cluster's: new nodes are built from it, the others stay.
func TestTemplateThatWasRebuiltRollsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 1))
	w.rename("/dc-1/vm/templates/gantry-node-1.37.2", "former", "/dc-1/vm/templates/gantry-node-1.37.2-nosnap", "gantry-node-1.37.2")
	spec, _ = w.update(spec, secrets)
	spec.Workers[0].Count = 2
	spec, p := w.update(spec, secrets, "create_node prod-general-2")
	if !warned(p, `Template "gantry-node-1.37.2" is another object now`, "former") {
		t.Errorf("warnings %v", p.Warnings)
	}
	spec.Workers[0].Count = 3
	if _, p = w.update(spec, secrets, "create_node prod-general-3"); warned(p, "another object") {
		t.Errorf("warnings %v", p.Warnings)
	}
}

// TestRestoredVCenterRollsNothing has everything under its name with another reference:
// what is recorded of the datacenter is another one, and what the markers say is gone.
func TestRestoredVCenterRollsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 1))
	e := w.engine()
	id := e.Ledger.ID(spec.Ref)
	datacenter := func(change func(*record.Cluster)) string {
		rec, err := e.Ledger.Record(t.Context(), id)
		w.must(err)
		body, err := rec.Cluster()
		w.must(err)
		if change != nil {
			change(&body)
			raw, err := json.Marshal(body)
			w.must(err)
			w.must(e.Ledger.UpdateRecord(t.Context(), id, raw))
		}
		return body.Datacenter
	}
	now := datacenter(nil)
	datacenter(func(b *record.Cluster) { b.Datacenter = "Datacenter:datacenter-999" })
	e.Reader, e.Builder = restored{e.Reader}, restored{e.Builder}

	plan := func() *model.Plan {
		p, err := e.Plan(t.Context(), spec, secrets, nil)
		w.must(err)
		return p
	}
	if p := plan(); !p.Empty() || p.Err() != nil {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	spec.Workers[0].Count = 2
	const another = `Datacenter "dc-1" is another object now`
	if p := plan(); len(p.Steps()) != 1 || !warned(p, another, "datacenter-999, which is not there any more") {
		t.Errorf("planned %v, warnings %v", actions(p), p.Warnings)
	}
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if got := datacenter(nil); got != now {
		t.Errorf("recorded is %s, want %s", got, now)
	}
	if p := plan(); !p.Empty() || len(warnings(p)) > 0 {
		t.Errorf("planned %v, warnings %v", actions(p), p.Warnings)
	}
}

// restored shows machines whose markers have references of a vCenter before.
type restored struct{ model.VCenter }

func (r restored) Survey(ctx context.Context, req model.SurveyRequest) (*model.Survey, error) {
	survey, err := r.VCenter.Survey(ctx, req)
	if err != nil {
		return nil, err
	}
	for i := range survey.Machines {
		m := &survey.Machines[i].Marker
		m.TemplateRef = "VirtualMachine:vm-999"
		m.References = model.References{ComputeCluster: "a", Datastore: "b", Network: "c", ResourcePool: "d"}
	}
	return survey, nil
}
