package processes_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestAccInterrupted presses Ctrl-C in the middle of an apply: Terraform stops
// soon, no session is left, and the next apply resumes without waiting for the
// lock.
func TestAccInterrupted(t *testing.T) {
	t.Parallel()
	for _, m := range moments[:4] {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			d := newDatacenter(t)
			w := newWorkspace(t, d.whole(1))
			p := w.start(apply...)
			p.until(m.name, m.reached(d))
			began := time.Now()
			p.signal(syscall.SIGINT)
			p.end()
			if took := time.Since(began); took > time.Minute {
				t.Errorf("the apply ran for another %s after it was interrupted:\n%s", took, &p.out)
			}
			if said := words(p.out.String()); strings.Count(said, "context canceled") > 1 ||
				strings.Contains(said, "tainted") && strings.Contains(said, "apply again") {
				t.Errorf("what it says repeats or contradicts itself:\n%s", &p.out)
			}
			d.loggedOut("an interrupted apply")
			d.unlocked("an interrupted apply")
			w.must(apply...)
			d.healthy(w, 1)
			w.nothingToDo()
			d.nothingLeft(w)
		})
	}
}

// TestAccInterruptedDestroy presses Ctrl-C in the middle of a destruction.
func TestAccInterruptedDestroy(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(1))
	w.must(apply...)
	p := w.start(destroy...)
	p.until("the first VM goes", func() bool { return d.Calls().SOAP["PowerOffVM_Task"] > 0 })
	p.signal(syscall.SIGINT)
	p.end()
	if said := words(p.out.String()); !strings.Contains(said, "destroy again to resume") {
		t.Errorf("it does not say how to go on:\n%s", &p.out)
	}
	d.loggedOut("an interrupted destroy")
	d.unlocked("an interrupted destroy")
	d.nothingLeft(w)
}

// unlocked expects that no lock is held: the next run would have to wait a
// minute for it to die.
func (d *datacenter) unlocked(after string) {
	d.t.Helper()
	entries, err := d.Ledger().Entries(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Kind == ledger.EntryLock && e.Held {
			d.t.Errorf("after %s the lock %s is held", after, e.Name)
		}
	}
}

// TestAccRestarted restarts vCenter, which forgets all sessions and finished
// tasks, twice in the middle of an apply: the apply succeeds.
func TestAccRestarted(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(2))
	p := w.start(apply...)
	for _, m := range moments[:4] {
		p.until(m.name, m.reached(d))
		d.Restart()
	}
	if code := p.end(); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, &p.out)
	}
	d.loggedOut("an apply over a restart of vCenter")
	d.healthy(w, 2)
	w.nothingToDo()
}

// TestAccSessions counts the sessions that are open after each command, also
// after those that fail.
func TestAccSessions(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(1))
	p := w.start(apply...)
	p.until("the first node boots", d.guestIn(guest.PhaseBooting, "prod-cp-1"))
	if s := d.Sessions(); s.SOAP != 1 || s.REST != 1 {
		t.Errorf("%d SOAP and %d REST sessions are open in an apply, and not one each", s.SOAP, s.REST)
	}
	if code := p.end(); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, &p.out)
	}
	d.loggedOut("apply")
	w.must(plan...)
	d.loggedOut("plan")
	if err := d.DeleteVM("prod-general-1"); err != nil {
		t.Fatal(err)
	}
	d.DenyPrivilege("", "VirtualMachine.Inventory.CreateFromExisting")
	d.DenyPrivilege("", "VirtualMachine.Provisioning.DeployTemplate")
	w.refused(apply...)
	d.loggedOut("an apply that failed")
	d.RestorePrivileges()
	w.must(destroy...)
	d.loggedOut("destroy")
}
