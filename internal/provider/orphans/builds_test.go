package orphans

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// TestBuildOfAKilledRun has the VM of a build that a run has left: no other run need come that makes
// the same image. As long as one works on it, it is none.
func TestBuildOfAKilledRun(t *testing.T) {
	t.Parallel()
	now := time.Now()
	id := uuid.New()
	for name, c := range map[string]struct {
		image record.Image
		lock  time.Duration // since its last heartbeat; 0: there is none
		says  string
	}{
		"no run works on it": {record.Image{Name: "golden"}, 0, "has not ended and on which no run works"},
		"its run has died":   {record.Image{Name: "golden"}, time.Hour, "has not ended and on which no run works"},
		"a run works on it":  {record.Image{Name: "golden"}, time.Second, ""},
		"the image is made":  {record.Image{Name: "golden", Template: "VirtualMachine:vm-1"}, 0, "which is made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registered, err := ledger.NewRecord(record.Ref{Kind: record.KindImage, Name: "golden"}, c.image)
			if err != nil {
				t.Fatal(err)
			}
			entries := []ledger.Entry{{Kind: ledger.EntryRecord, ID: id, Record: &registered}}
			if c.lock > 0 {
				entries = append(entries, ledger.Entry{Kind: ledger.EntryLock, Parent: id, Held: true, Heartbeat: now.Add(-c.lock)})
			}
			w := newWorld(entries, []vsphere.MarkedMachine{{Path: "/dc-1/vm/golden", Cluster: id, Builder: true, Understood: true}}, now)
			w.strandedMachines()
			if c.says == "" && len(w.found) > 0 || c.says != "" && (len(w.found) != 1 || !strings.Contains(w.found[0].Detail, c.says)) {
				t.Errorf("found %+v", w.found)
			}
		})
	}
}
