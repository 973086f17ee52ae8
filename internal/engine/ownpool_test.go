package engine_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// gateway is a gateway with a pool of its own.
func (w *world) gateway(name, start, end string) model.ClusterSpec {
	spec := w.spec(1, 0)
	tags := w.engine().Ledger
	spec.Ref = record.Ref{Kind: record.KindGateway, Name: name}
	spec.Folder = "k8s/" + name
	spec.Workers = nil
	spec.ID = tags.ID(spec.Ref)
	spec.OwnIPPool = &record.IPPool{Name: "own", Start: start, End: end, PrefixLength: 18, DefaultGateway: "10.10.128.1"}
	spec.ControlPlane.Schedulable = true
	spec.ControlPlane.Placements[0].IPPoolID = tags.ID(record.Ref{Kind: record.KindIPPool, GatewayID: spec.ID, Name: "own"})
	return spec
}

// TestOwnPoolOverlaps has another pool registered between the plan of a gateway
// and its apply: its own pool is taken away again, and nothing is built.
func TestOwnPoolOverlaps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.gateway("dc1", "10.10.184.1", "10.10.184.20")
	other := w.register(record.IPPool{
		Name:           "lab",
		Start:          "10.10.184.20",
		End:            "10.10.184.30",
		PrefixLength:   18,
		DefaultGateway: "10.10.128.1",
	})
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	var overlap *ledger.OverlapError
	const shared = `IP pool "own" and IP pool "lab" of this vCenter both have the address 10.10.184.20`
	if !errors.As(err, &overlap) || !strings.Contains(err.Error(), shared) {
		t.Fatalf("applied with %v", err)
	}
	if left := w.sim.Leftovers(); len(left.VMs) > 0 {
		t.Errorf("%v was built", left.VMs)
	}
	tags := w.engine().Ledger
	if _, err := tags.Record(t.Context(), spec.ControlPlane.Placements[0].IPPoolID); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("the record of its own pool: %v", err)
	}
	// The other one goes, and it goes on.
	if err := tags.Unregister(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	w.applied(spec)
}

// TestOwnPoolRemembered shows that the next plan writes the record of a gateway's
// pool again that was edited by hand, also from what a refresh remembers.
func TestOwnPoolRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.gateway("dc1", "10.10.184.1", "10.10.184.20"))
	tags := w.engine().Ledger
	id := spec.ControlPlane.Placements[0].IPPoolID
	edited := *spec.OwnIPPool
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
		var kept model.Facts
		if raw, err := json.Marshal(look); err != nil || json.Unmarshal(raw, &kept) != nil {
			t.Fatal("it cannot be kept", err)
		}
		p, err := w.engine().Plan(t.Context(), spec, secrets, &kept)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(actions(p), ", "); len(p.Steps()) != want || want > 0 && got != "create_ip_pool own" {
			t.Errorf("planned %q", got)
		}
	}
	refreshed(0)
	if err := tags.UpdateRecord(t.Context(), id, raw); err != nil {
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
	spec.ID, spec.GatewayID, spec.Workers = uuid.New(), gateway.ID, nil
	spec.ControlPlane.Placements[0].IPPoolID = gateway.ControlPlane.Placements[0].IPPoolID
	w.applied(spec)
	p, err := w.engine().PlanDestroy(t.Context(), gateway.Target(), nil)
	if err != nil || p.Err() == nil || !strings.Contains(p.Err().Error(), "prod-cp-1 of cluster "+spec.ID.String()) {
		t.Errorf("the plan of a destruction: %v (%v)", p.Err(), err)
	}
}
