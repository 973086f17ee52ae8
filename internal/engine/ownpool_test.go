package engine_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// gateway is a gateway with a pool of its own.
func (w *world) gateway(name, start, end string) engine.ClusterSpec {
	spec := w.spec(1, 0)
	book := w.engine().Ledger
	spec.Kind, spec.Name, spec.Folder, spec.Workers = engine.KindGateway, name, "k8s/"+name, nil
	gateway := book.ID(record.Ref{Kind: record.KindGateway, Name: name})
	spec.ID = gateway.String()
	spec.OwnPool = &record.IPPool{Name: "own", Start: start, End: end, PrefixLength: 18, DefaultGateway: "10.10.128.1"}
	spec.ControlPlane.Schedulable = true
	spec.ControlPlane.Placements[0].IPPoolID = book.ID(record.Ref{Kind: record.KindIPPool, GatewayID: gateway, Name: "own"}).String()
	return spec
}

// TestOwnPoolOverlaps has another pool registered between the plan of a gateway
// and its apply: its own pool is taken away again, and nothing is built.
func TestOwnPoolOverlaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.gateway("dc1", "10.10.184.1", "10.10.184.20")
	other := w.register(record.IPPool{Name: "lab", Start: "10.10.184.20", End: "10.10.184.30", PrefixLength: 18, DefaultGateway: "10.10.128.1"})
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	var overlap *ledger.OverlapError
	if !errors.As(err, &overlap) || !strings.Contains(err.Error(), `IP pool "own" and IP pool "lab" of this vCenter both have the address 10.10.184.20`) {
		t.Fatalf("applied with %v", err)
	}
	if left := w.sim.Leftovers(); len(left.VMs) > 0 {
		t.Errorf("%v was built", left.VMs)
	}
	book := w.engine().Ledger
	if _, err := book.Record(t.Context(), uuid.MustParse(spec.ControlPlane.Placements[0].IPPoolID)); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("the record of its own pool: %v", err)
	}
	// The other one goes, and it goes on.
	if err := book.Unregister(t.Context(), uuid.MustParse(other)); err != nil {
		t.Fatal(err)
	}
	w.applied(spec)
}

// TestOwnPoolRemembered shows that the next plan writes the record of a gateway's
// pool again which somebody has edited, also from what a refresh remembers.
func TestOwnPoolRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.gateway("dc1", "10.10.184.1", "10.10.184.20"))
	book := w.engine().Ledger
	id := uuid.MustParse(spec.ControlPlane.Placements[0].IPPoolID)
	edited := *spec.OwnPool
	edited.End = "10.10.184.10"
	raw, err := json.Marshal(edited)
	if err != nil {
		t.Fatal(err)
	}
	refreshed := func(want int) {
		t.Helper()
		_, look, err := w.engine().Status(t.Context(), spec, secrets)
		if err != nil {
			t.Fatal(err)
		}
		// As it is kept in the state.
		var kept engine.Observed
		if raw, err := json.Marshal(look); err != nil || json.Unmarshal(raw, &kept) != nil {
			t.Fatal("it cannot be kept", err)
		}
		p, err := w.engine().Plan(t.Context(), spec, secrets, &kept)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(actions(p), ", "); len(p.Steps) != want || want > 0 && got != "register_pool own" {
			t.Errorf("planned %q", got)
		}
	}
	refreshed(0)
	if err := book.UpdateRecord(t.Context(), id, raw); err != nil {
		t.Fatal(err)
	}
	refreshed(1)
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	refreshed(0)
}

// TestOwnPoolInUse names who keeps a gateway from being destroyed.
func TestOwnPoolInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	gateway, _, _ := w.applied(w.gateway("dc1", "10.10.184.1", "10.10.184.20"))
	spec := w.spec(1, 0)
	spec.ID, spec.GatewayID, spec.Workers = uuid.NewString(), gateway.ID, nil
	spec.ControlPlane.Placements[0].IPPoolID = gateway.ControlPlane.Placements[0].IPPoolID
	w.applied(spec)
	p, err := w.engine().PlanDestroy(t.Context(), gateway.Target())
	if err != nil || p.Err() == nil || !strings.Contains(p.Err().Error(), "prod-cp-1 of cluster "+spec.ID) {
		t.Errorf("the plan of a destruction: %v (%v)", p.Err(), err)
	}
}
