package processes_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestAccOrphansOfARun looks for orphans while a run builds a cluster, after it
// was killed, and once its lock is stale.
func TestAccOrphansOfARun(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(1))
	looker := newWorkspace(t, d.Provider()+`
data "gantry_orphans" "all" {}
output "result" { value = [for o in data.gantry_orphans.all.orphans : "${o.kind} ${o.name}: ${o.detail} ${o.what_to_do}"] }
`)
	orphans := func() []string {
		t.Helper()
		var found []string
		looker.must(apply...)
		looker.outputs(&found)
		return found
	}
	p := w.start(apply...)
	p.until("a VM that boots", d.guestIn(guest.PhaseBooting, "prod-"))
	if found := orphans(); len(found) > 0 {
		t.Errorf("a run that builds leaves %v", found)
	}
	p.killAll()
	d.AdvanceClock(lockLife)
	// How far it has come meanwhile depends on the machine.
	if found := strings.Join(orphans(), "\n"); !strings.Contains(found, "cluster prod: It is registered, its API has ") || !strings.Contains(found, "no run works on it now") {
		t.Errorf("a killed run leaves %s", found)
	}
	w.must(apply...)
	if found := orphans(); len(found) > 0 {
		t.Errorf("the run after it leaves %v", found)
	}
	d.healthy(w, 1)
	d.nothingLeft(w)
}
