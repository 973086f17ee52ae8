package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// unknownFormer is what a creation replaces of which no state is known.
var unknownFormer = engine.Former{Seen: seesNone, Planning: no, Applying: no}

func no() bool { return false }

func yes() bool { return true }

func seesNone(uuid.UUID) bool { return false }

// failed is a creation that ends before its API answers, with a VM and addresses.
func (w *world) failed(spec model.ClusterSpec) model.ClusterSpec {
	w.t.Helper()
	e := w.engine()
	e.Builder = tampering{VCenter: e.Builder, node: "prod-cp-1", change: func(meta, user string) (string, string) {
		return meta, everywhere(user, "podSubnet", "podSubent")
	}}
	out, err := e.Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(w.t)})
	if err == nil || out.ID == uuid.Nil || out.Incarnation == "" || out.APIReached {
		w.t.Fatalf("%v: %+v", err, out)
	}
	return kept(spec, out)
}

// vms lists the VMs of a cluster with the incarnations in their markers.
func (w *world) vms(id uuid.UUID) map[string]record.Incarnation {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: id})
	if err != nil {
		w.t.Fatal(err)
	}
	vms := map[string]record.Incarnation{}
	for _, m := range survey.Machines {
		vms[m.Marker.Node] = m.Marker.Incarnation
	}
	return vms
}

// TestTakeoverLeavesNothingToItsFormerSelf creates a cluster a second time where the
// first creation failed: what deletes the first one deletes nothing of the second.
func TestTakeoverLeavesNothingToItsFormerSelf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	first := w.failed(w.spec(1, 1))
	second, secrets, _ := w.applied(w.spec(1, 1))
	if second.ID != first.ID || second.Incarnation == first.Incarnation {
		t.Fatalf("the second one has id %s and incarnation %q, the first one %s and %q",
			second.ID, second.Incarnation, first.ID, first.Incarnation)
	}
	vms, claims := w.vms(second.ID), w.claims()
	if vms["prod-cp-1"] != second.Incarnation || vms["prod-general-1"] != second.Incarnation {
		t.Errorf("the VMs are %v", vms)
	}

	if status, _, err := w.engine().Status(t.Context(), first, nil); err != nil || status != nil {
		t.Errorf("of the first one is left %v (%v)", status, err)
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: first, Secrets: newSecrets(t)}); err == nil ||
		!strings.Contains(err.Error(), "has taken its place") {
		t.Errorf("the first one was applied: %v", err)
	}
	p, err := w.engine().PlanDestroy(t.Context(), first.Target(), nil)
	if err != nil || !p.Empty() || p.Err() != nil {
		t.Errorf("destroying the first one: %v (%v, %v)", actions(p), p.Err(), err)
	}
	if err := w.engine().Destroy(t.Context(), first.Target()); err != nil {
		t.Fatal(err)
	}
	if got := w.vms(second.ID); len(got) != len(vms) || w.claims() != claims {
		t.Errorf("left are the VMs %v and %d of %d claims", got, w.claims(), claims)
	}
	if p := w.plan(second, secrets); !p.Empty() || p.Err() != nil {
		t.Errorf("then planned %v (%v)", actions(p), p.Err())
	}

	if err := w.engine().Destroy(t.Context(), second.Target()); err != nil {
		t.Fatal(err)
	}
	if got := w.vms(second.ID); len(got) > 0 || w.claims() > 0 {
		t.Errorf("left are the VMs %v and %d claims", got, w.claims())
	}
}

// marking is a vCenter that fails to mark VMs as taken over.
type marking struct{ model.VCenter }

func (marking) SetIncarnation(context.Context, string, record.Incarnation) (string, error) {
	return "", errors.New("no")
}

// TestTakeoverBrokenOff deletes the first creation's VM where a second one has taken
// the record and died before it took the VM. Its address stays claimed.
func TestTakeoverBrokenOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	first := w.failed(w.spec(1, 0))
	claims := w.claims()
	e := w.engine()
	e.Builder = marking{e.Builder}
	out, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 0), Secrets: newSecrets(t)})
	if err == nil || out.Incarnation == first.Incarnation || w.record().Incarnation != out.Incarnation {
		t.Fatalf("%v: %+v", err, out)
	}
	if vms := w.vms(first.ID); vms["prod-cp-1"] != first.Incarnation {
		t.Fatalf("the VMs are %v", vms)
	}

	if status, _, err := w.engine().Status(t.Context(), first, nil); err != nil || status == nil {
		t.Errorf("the first one has a VM: %v (%v)", status, err)
	}
	if err := w.engine().Destroy(t.Context(), first.Target()); err != nil {
		t.Fatal(err)
	}
	if vms := w.vms(first.ID); len(vms) > 0 || w.claims() != claims || w.record().Incarnation != out.Incarnation {
		t.Errorf("left are the VMs %v and %d of %d claims", vms, w.claims(), claims)
	}
	second, _, _ := w.applied(w.spec(1, 0))
	w.noAddressTwice()
	if err := w.engine().Destroy(t.Context(), second.Target()); err != nil || w.claims() > 0 {
		t.Errorf("%v, and left are %d claims", err, w.claims())
	}
}

// TestCreationThatTouchedNothing keeps the incarnation of what it did not take over:
// with its state, that is deleted.
func TestCreationThatTouchedNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	first := w.failed(w.spec(1, 0))
	e := w.engine()
	e.Timing.RetryBudget = 0
	if err := w.sim.AddFault(simulator.Fault{Kind: simulator.RefuseCall, Call: "PATCH tag/id"}); err != nil {
		t.Fatal(err)
	}
	out, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 0), Secrets: newSecrets(t)})
	if err == nil || out.ID != first.ID || out.Incarnation != first.Incarnation {
		t.Fatalf("%v: %+v", err, out)
	}
	w.sim.ClearFaults()
	second := kept(w.spec(1, 0), out)
	if err := w.engine().Destroy(t.Context(), second.Target()); err != nil {
		t.Fatal(err)
	}
	if vms := w.vms(first.ID); len(vms) > 0 || w.claims() > 0 {
		t.Errorf("left are the VMs %v and %d claims", vms, w.claims())
	}
}

// TestPlanOfAReplacement plans what replaces a running cluster as if that were gone,
// with every check.
func TestPlanOfAReplacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.pool = w.register(record.IPPool{
		Name: "tight", Start: "10.10.184.1", End: "10.10.184.5", PrefixLength: 18, DefaultGateway: "10.10.128.1",
		Nameservers: []string{"10.10.128.2"}, RestrictToSingleCluster: true,
	})
	running, _, _ := w.applied(w.spec(1, 1))
	replaced := engine.Former{ID: running.ID, Seen: func(uuid.UUID) bool { return true }, Planning: yes, Applying: no}
	tainted := engine.Former{Seen: func(id uuid.UUID) bool { return id == running.ID }, Planning: yes, Applying: no}
	const tooSmall = "The IP pool is too small"
	grow := func(s *model.ClusterSpec) { s.Workers[0].Count = 4 }
	for name, c := range map[string]struct {
		former  engine.Former
		change  func(*model.ClusterSpec)
		refused string
	}{
		"by the same":                   {former: replaced},
		"of a tainted one":              {former: tainted},
		"under another name":            {former: replaced, change: func(s *model.ClusterSpec) { s.Name = "other" }},
		"that needs more than there is": {former: replaced, change: grow, refused: tooSmall},
		"of a tainted one, too large":   {former: tainted, change: grow, refused: tooSmall},
		"on a cluster that does not exist": {
			former:  replaced,
			change:  func(s *model.ClusterSpec) { s.Workers[0].Placements[0].ComputeCluster = "nowhere" },
			refused: "nowhere",
		},
	} {
		spec := w.spec(1, 1)
		if c.change != nil {
			c.change(&spec)
		}
		p, err := w.engine().PlanCreation(t.Context(), spec, c.former)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case p.Collision != uuid.Nil || p.Unfinished != uuid.Nil:
			t.Errorf("%s: the former self has the name: %+v", name, p)
		case c.refused != "":
			if p.Err() == nil || !strings.Contains(p.Err().Error(), c.refused) {
				t.Errorf("%s: %v", name, p.Err())
			}
		case p.Err() != nil || !strings.HasPrefix(strings.Join(actions(p), ","), "create_record "+spec.Name):
			t.Errorf("%s: %v (%v)", name, actions(p), p.Err())
		}
	}

	// In an apply it is not known what its former self is: Apply refuses what is in the way.
	other := w.spec(1, 1)
	other.Name = "other"
	p, err := w.engine().PlanCreation(t.Context(), other, unknownFormer)
	if err != nil || p.Err() != nil || len(warnings(p)) != 2 || len(p.Steps()) == 0 {
		t.Errorf("on its addresses: %v, %v (%v)", p.Err(), p.Warnings, err)
	}
	p, err = w.engine().PlanCreation(t.Context(), other, engine.Former{Seen: unknownFormer.Seen, Planning: yes, Applying: no})
	if err != nil || p.Err() == nil {
		t.Errorf("on its addresses, in a plan: %v (%v)", p.Err(), err)
	}
	if out, err := w.engine().Apply(t.Context(), engine.Request{Spec: other, Secrets: newSecrets(t)}); err == nil || out.ID != uuid.Nil {
		t.Errorf("on its addresses: %v, %+v", err, out)
	}
	p, err = w.engine().PlanCreation(t.Context(), w.spec(1, 1), unknownFormer)
	if err != nil || p.Err() != nil || p.Collision != running.ID || len(p.Steps()) == 0 {
		t.Errorf("another's plan: %+v (%v)", p, err)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: w.spec(1, 1), Secrets: newSecrets(t)})
	if err == nil || out.ID != uuid.Nil ||
		!strings.Contains(err.Error(), "import it") || !strings.Contains(err.Error(), "create_before_destroy") {
		t.Errorf("another's apply: %v, %+v", err, out)
	}
}

// TestPlanOfAGatewayReplacement refuses to replace a gateway that has something.
func TestPlanOfAGatewayReplacement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	gateway, _, _ := w.applied(w.gateway("dc1", "10.10.184.1", "10.10.184.20"))
	again := w.gateway("dc1", "10.10.184.1", "10.10.184.20")
	again.ID = gateway.ID
	replaced := engine.Former{ID: gateway.ID, Seen: func(uuid.UUID) bool { return true }, Planning: yes, Applying: no}
	p, err := w.engine().PlanCreation(t.Context(), again, replaced)
	if err != nil || p.Err() != nil {
		t.Fatalf("with nothing: %v (%v)", err, p.Err())
	}
	if got := strings.Join(actions(p), ", "); !strings.HasPrefix(got, "create_record dc1, create_ip_pool") {
		t.Errorf("with nothing: %s", got)
	}

	spec := w.spec(1, 0)
	spec.GatewayID, spec.Workers = gateway.ID, nil
	spec.ControlPlane.Placements[0].IPPoolID = gateway.ControlPlane.Placements[0].IPPoolID
	w.applied(spec)
	p, err = w.engine().PlanCreation(t.Context(), again, replaced)
	if err != nil || p.Err() == nil || !strings.Contains(p.Err().Error(), `cluster "prod"`) {
		t.Errorf("with a cluster: %v (%v)", err, p.Err())
	}
}
