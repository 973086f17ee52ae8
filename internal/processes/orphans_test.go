package processes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAccOrphansOfARun looks for orphans while a run builds a cluster, after it
// was killed, and once its lock is stale.
func TestAccOrphansOfARun(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	// What is created before is in the state for certain: OpenTofu, as Terraform with a
	// remote backend, writes it at the end of a run and now and then before.
	w := newWorkspace(t, d.shared())
	w.must(apply...)
	w.configure(d.whole(1))
	looker := newWorkspace(t, d.Provider()+`
data "gantry_orphans" "all" {}
output "result" { value = [for o in data.gantry_orphans.all.orphans : "${o.kind} ${o.name}: ${o.detail} ${o.remediation}"] }
`)
	orphans := func() []string {
		t.Helper()
		var found []string
		looker.must(apply...)
		looker.outputs(&found)
		return found
	}
	// The run stands still at the clone of the worker, until the API has answered.
	if err := d.AddFault(simulator.Fault{Kind: simulator.DelayCall, Call: "CloneVM_Task", Nth: 2, Times: -1, Delay: time.Hour}); err != nil {
		t.Fatal(err)
	}
	p := w.start(apply...)
	p.until("the API has answered", func() bool {
		found, err := d.Ledger().Record(t.Context(), d.Ledger().ID(record.Ref{Kind: record.KindCluster, Name: "prod"}))
		if err != nil {
			return false
		}
		cluster, err := found.Cluster()
		return err == nil && cluster.APIReached
	})
	if found := orphans(); len(found) > 0 {
		t.Errorf("a run that builds leaves %v", found)
	}
	p.killAll()
	d.ClearFaults()
	d.AdvanceClock(lockLife)
	const incomplete = "cluster prod: It is registered, its API has answered, but the run that created it did not complete, " +
		"and no run works on it now. Its VMs: /dc-1/vm/k8s/prod/prod-cp-1."
	if found := strings.Join(orphans(), "\n"); !strings.Contains(found, incomplete) {
		t.Errorf("a killed run leaves %s", found)
	}
	w.must(apply...)
	if found := orphans(); len(found) > 0 {
		t.Errorf("the run after it leaves %v", found)
	}
	d.healthy(w, 1)
	d.nothingLeft(w)
}
