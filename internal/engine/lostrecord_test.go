package engine_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// loseRecord deletes the record of a cluster, as by hand.
func (w *world) loseRecord(spec model.ClusterSpec) {
	w.t.Helper()
	e := w.engine()
	client, ok := e.Reader.(*vsphere.Client)
	if !ok {
		w.t.Fatalf("the engine reads with a %T", e.Reader)
	}
	w.must(vsphere.NewTagStore(client).Delete(w.t.Context(), e.Ledger.ID(spec.Ref)))
}

// TestDestroyWithoutARecord destroys a cluster whose record was deleted by hand: nothing
// of it is left, and its account can be deleted after it.
func TestDestroyWithoutARecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	e := w.engine()
	account, err := e.Ledger.Register(t.Context(), ledger.Record{
		Ref: record.Ref{Kind: record.KindCloudAccount, Name: "team"}, Body: []byte(`{}`),
	})
	w.must(err)
	spec := w.spec(1, 0)
	spec.Folder = "" // who created one, only the record knows
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t), Parents: []uuid.UUID{account}})
	w.must(err)
	spec = kept(spec, out)
	w.loseRecord(spec)

	target := spec.Target()
	target.Parents = []uuid.UUID{account}
	w.must(w.engine().Destroy(t.Context(), target))
	w.must(w.engine().Ledger.Unregister(t.Context(), account))
	w.onlyThePoolIsLeft()
}
