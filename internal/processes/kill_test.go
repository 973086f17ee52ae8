package processes_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/provider/eventlog"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// moment is something in a run to wait for.
type moment struct {
	name    string
	reached func(*datacenter) func() bool
}

// moments are those of a creation, in their order: each leaves more behind.
var moments = []moment{
	{"the first clone begins", func(d *datacenter) func() bool { return d.cloned(1) }},
	{"the first node boots", func(d *datacenter) func() bool { return d.guestIn(guest.PhaseBooting, "prod-cp-1") }},
	{"the API is there", func(d *datacenter) func() bool { return d.guestIn(guest.PhaseJoined, "prod-cp-1") }},
	{"workers boot", func(d *datacenter) func() bool { return d.guestIn(guest.PhaseBooting, "prod-general") }},
	{"workers have joined", func(d *datacenter) func() bool { return d.guestIn(guest.PhaseJoined, "prod-general") }},
}

// TestAccKilledCreate kills the provider in the middle of a creation and applies
// again: Terraform has saved nothing, and one healthy cluster is there at the
// end. A destroy leaves nothing.
func TestAccKilledCreate(t *testing.T) {
	t.Parallel()
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			d := newDatacenter(t)
			w := newWorkspace(t, d.whole(1))
			w.killed(d, m.name, m.reached(d), apply)
			w.must(apply...)
			d.healthy(w, 1)
			w.nothingToDo()
			d.nothingLeft(w)
		})
	}
}

// killed runs the CLI, kills its provider at a moment and lets its lock die. What the run has told
// of itself until then can be read.
func (w *workspace) killed(d *datacenter, what string, reached func() bool, args []string) {
	w.t.Helper()
	events := filepath.Join(w.dir, "events.jsonl")
	w.env = append(w.env, "GANTRY_EVENT_LOG="+events)
	p := w.start(args...)
	p.until(what, reached)
	p.killProvider()
	if p.end() == 0 {
		w.t.Fatalf("%s has succeeded without its provider:\n%s", p, &p.out)
	}
	w.canRead(events)
	d.AdvanceClock(lockLife)
}

// canRead expects whole lines in an event log, of a run that has not come to its end.
func (w *workspace) canRead(events string) {
	w.t.Helper()
	raw, err := os.ReadFile(events)
	if err != nil {
		w.t.Fatal(err)
	}
	var last eventlog.Line
	for line := range strings.Lines(string(raw)) {
		last = eventlog.Line{}
		if err := json.Unmarshal([]byte(line), &last); err != nil || !strings.HasSuffix(line, "\n") {
			w.t.Errorf("the event log has the line %q (%v)", line, err)
		}
	}
	if last.Time.IsZero() || (last.Action == "apply" || last.Action == "destroy") && last.Status == "done" {
		w.t.Errorf("the event log of a run that was killed ends with %+v", last)
	}
}

// TestAccKilledCloneGoesOn kills the provider while a clone takes its time, and
// applies again before vCenter has finished it: what comes late finds its name
// taken.
func TestAccKilledCloneGoesOn(t *testing.T) {
	t.Parallel()
	const slow = 5 * time.Second // beyond the lock's life, for which the clock is moved
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(1))
	d.SetTaskDuration(lockLife + slow)
	w.killed(d, "the first clone begins", d.cloned(1), apply)
	late := time.After(slow + time.Second)
	d.SetTaskDuration(0)
	w.must(apply...)
	<-late
	d.healthy(w, 1)
	w.nothingToDo()
	d.nothingLeft(w)
}

// TestAccKilledUpdate kills the provider while a worker is added to what
// Terraform has in its state.
func TestAccKilledUpdate(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(1))
	w.must(apply...)
	w.configure(d.whole(2))
	w.killed(d, "the worker boots", d.guestIn(guest.PhaseBooting, "prod-general-2"), apply)
	w.must(apply...)
	d.healthy(w, 2)
	w.nothingToDo()
	d.nothingLeft(w)
}

// TestAccKilledDestroy kills the provider in the middle of two destructions, one
// after the other: the third leaves nothing.
func TestAccKilledDestroy(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(2))
	w.must(apply...)
	// All go side by side: those after the first stand still.
	err := d.AddFault(simulator.Fault{Kind: simulator.DelayCall, Call: "Destroy_Task", Nth: 2, Times: -1, Delay: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	vms := len(d.Leftovers().VMs)
	w.killed(d, "the first VM goes", func() bool { return len(d.Leftovers().VMs) < vms }, destroy)
	d.ClearFaults()
	w.killed(d, "all VMs have gone", func() bool { return len(d.Leftovers().VMs) == 0 }, destroy)
	d.nothingLeft(w)
}

// TestAccKilledTerraform kills the CLI alone. The provider, left without a
// client, ends, and the next apply takes over.
func TestAccKilledTerraform(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	// Not every CLI saves what it has made before it ends.
	w := newWorkspace(t, d.shared())
	w.must(apply...)
	w.configure(d.whole(1))
	p := w.start(apply...)
	p.until("the first node boots", d.guestIn(guest.PhaseBooting, "prod-cp-1"))
	if err := syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.end()
	for deadline := time.Now().Add(2 * time.Minute); len(p.providers()) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the provider has outlived Terraform by 20 seconds")
		}
	}
	d.AdvanceClock(lockLife)
	w.must(apply...)
	d.healthy(w, 1)
}
