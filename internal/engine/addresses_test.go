package engine_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// register registers an IP pool.
func (w *world) register(body record.IPPool) uuid.UUID {
	w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	id, err := w.engine().Ledger.Register(w.t.Context(), ledger.Record{Ref: record.Ref{Kind: record.KindIPPool, Name: body.Name}, Body: raw})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// TestClaimDeletedByHand deletes the claim of an address that a node lives on:
// no other cluster gets it, and the next plan claims it again.
func TestClaimDeletedByHand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, out := w.applied(w.spec(1, 1))
	var worker model.NodeStatus
	for _, n := range out.Status.Nodes {
		if n.Role == "worker" {
			worker = n
		}
	}
	tags := w.engine().Ledger
	pool := ledger.IPPool{ID: w.pool} // without a delay: it does not cool down
	owner := ledger.Owner{Cluster: spec.ID, Node: worker.Name}
	if err := tags.Release(t.Context(), pool, netip.MustParseAddr(worker.Address), owner); err != nil {
		t.Fatal(err)
	}
	// Another cluster would have found it free.
	other := w.spec(1, 3)
	other.Name, other.Folder = "other", "k8s/other"
	_, _, second := w.applied(other)
	for _, n := range second.Status.Nodes {
		if n.Address == worker.Address {
			t.Fatalf("%s got %s, on which %s lives", n.Name, n.Address, worker.Name)
		}
	}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"claim_address " + worker.Name}) {
		t.Fatalf("planned %v", got)
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	if got := actions(w.plan(spec, secrets)); len(got) > 0 {
		t.Fatalf("then planned %v", got)
	}
}

// TestRemovedPoolReleasesItsAddresses removes a worker pool that had an IP pool of
// its own and to itself: other clusters may have that one then.
func TestRemovedPoolReleasesItsAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	own := w.register(record.IPPool{
		Name:                    "own",
		Start:                   "10.10.184.1",
		End:                     "10.10.184.9",
		PrefixLength:            18,
		DefaultGateway:          "10.10.128.1",
		RestrictToSingleCluster: true,
	})
	spec.Workers[0].Placements = spec.Workers[0].Placements[:1]
	spec.Workers[0].Placements[0].IPPoolID = own
	spec, secrets, _ := w.applied(spec)
	reserved := func(want uuid.UUID) {
		t.Helper()
		if by, err := w.engine().Ledger.ReservedBy(t.Context(), own); err != nil || by != want {
			t.Errorf("the pool is reserved by %s, want %s (%v)", by, want, err)
		}
	}
	reserved(spec.ID)
	spec.Workers = nil
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	for _, tag := range w.sim.Leftovers().Tags {
		if strings.HasPrefix(tag, own.String()+"/") && !strings.HasSuffix(tag, "!cooldown") {
			t.Errorf("%s is still claimed", tag)
		}
	}
	reserved(uuid.Nil)
}

// on reports whether the first problem of a plan is about a field of the control
// plane's placement.
func on(p *model.Plan, name model.FieldName) bool {
	return p.Problems[0].Fields[0] == model.PlacementRef{NodePool: model.ControlPlanePool}.Field(name)
}

// TestPoolsOfOthers plans on a pool of another network, and on one that
// another cluster has to itself.
func TestPoolsOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.pool = w.register(record.IPPool{
		Name: "single", Start: "10.10.185.1", End: "10.10.185.20", PrefixLength: 18, DefaultGateway: "10.10.128.1",
		Network: "dvpg-nodes", RestrictToSingleCluster: true,
	})
	first, _, _ := w.applied(w.spec(1, 0))

	second := w.spec(1, 0)
	second.Name = "second"
	p := w.plan(second, nil)
	if p.Err() == nil || !on(p, model.FieldIPPool) || !strings.Contains(p.Problems[0].Detail, first.ID.String()) {
		t.Errorf("a second cluster: %v", p.Err())
	}
	second.ControlPlane.Placements[0].Network = "dvpg-b"
	p = w.plan(second, nil)
	if p.Err() == nil || !on(p, model.FieldNetwork) || !strings.Contains(p.Problems[0].Detail, "dvpg-nodes") {
		t.Errorf("another network: %v", p.Err())
	}
	if err := w.engine().Destroy(t.Context(), first.Target()); err != nil {
		t.Fatal(err)
	}
	second.ControlPlane.Placements[0].Network = "dvpg-nodes"
	if p = w.plan(second, nil); p.Err() != nil {
		t.Errorf("the pool is still reserved after its cluster has gone: %v", p.Err())
	}
}

// TestRebuiltNodeKeepsAClaimedAddress deletes the claim of a worker that has to be built
// again: it is claimed before the VM goes, so that no other cluster can get it.
func TestRebuiltNodeKeepsAClaimedAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, out := w.applied(w.spec(1, 1))
	worker := out.Status.Nodes[slices.IndexFunc(out.Status.Nodes, func(n model.NodeStatus) bool { return n.Role == model.RoleWorker })]
	addr := netip.MustParseAddr(worker.Address)
	owner := ledger.Owner{Cluster: spec.ID, Node: worker.Name}
	tags := w.engine().Ledger
	if err := tags.Release(t.Context(), ledger.IPPool{ID: w.pool}, addr, owner); err != nil {
		t.Fatal(err)
	}
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.DeleteNode(t.Context(), worker.Name); err != nil {
		t.Fatal(err)
	}
	want := []string{"delete_node " + worker.Name, "create_node " + worker.Name}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, want) {
		t.Fatalf("planned %v", got)
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	if holder, err := tags.Holder(t.Context(), w.pool, addr); err != nil || holder != owner {
		t.Errorf("the address is held by %v (%v)", holder, err)
	}
}
