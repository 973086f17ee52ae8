package processes_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// rivals are two states that want a cluster of the same name from one IP pool,
// which a third state has.
func rivals(t *testing.T, d *datacenter, workers int) (owner, one, two *workspace) {
	t.Helper()
	owner = newWorkspace(t, d.shared()+"output \"result\" { value = gantry_ip_pool.nodes.id }\n")
	owner.must(apply...)
	var pool string
	owner.outputs(&pool)
	// As the account of another state: an object with the same attributes.
	account := `{ id = "` + pool + `", name = "team", vcenter_server = "` + d.Server() + `", username = "` + d.Username() + `" }`
	hcl := d.Provider() + d.cluster(workers, `"`+pool+`"`, account)
	return owner, newWorkspace(t, hcl), newWorkspace(t, hcl)
}

// creating reports whether a run is at the cluster.
func creating(p *process) func() bool {
	return func() bool { return strings.Contains(p.out.String(), "gantry_vmware_cluster.prod: Creating...") }
}

// TestAccTwoStates lets two states create a cluster of the same name at the same
// time: one does, the other is told that it exists, and nothing is built twice.
func TestAccTwoStates(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	owner, one, two := rivals(t, d, 1)
	first, second := one.start(apply...), two.start(apply...)
	codes := []int{first.end(), second.end()}
	winner, loser, refusal := one, two, second
	if codes[0] != 0 {
		winner, loser, refusal = two, one, first
	}
	if (codes[0] == 0) == (codes[1] == 0) {
		t.Fatalf("the two runs end with %v:\n%s\n%s", codes, &first.out, &second.out)
	}
	text := words(refusal.out.String())
	if !strings.Contains(text, `named "prod" is registered in this vCenter`) && !strings.Contains(text, "another run is working on it") {
		t.Errorf("the second run does not say what is in its way:\n%s", text)
	}
	if n := d.Calls().SOAP["CloneVM_Task"]; n != 2 {
		t.Errorf("%d machines were cloned for 2 nodes", n)
	}
	d.healthy(winner, 1)
	winner.nothingToDo()
	// It has nothing, and takes nothing. With a refresh Terraform would plan the
	// creation again first, which is refused.
	loser.must(append(destroy, "-refresh=false")...)
	d.healthy(winner, 1)
	winner.must(destroy...)
	d.nothingLeft(owner)
}

// TestAccTwoStatesOneDies kills the machine of the state that builds while the
// other one waits: the other one takes over what was built and completes it.
func TestAccTwoStatesOneDies(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	owner, one, two := rivals(t, d, 1)
	d.SetTaskDuration(lockLife + time.Minute)
	first := one.start(apply...)
	first.until("the first clone begins", d.cloned(1))
	second := two.start(apply...)
	second.until("it is at the cluster", creating(second))
	first.killAll()
	d.SetTaskDuration(0)
	d.AdvanceClock(lockLife)
	if code := second.end(); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, &second.out)
	}
	d.healthy(two, 1)
	if text := one.refused(apply...); !strings.Contains(text, `named "prod" is registered in this vCenter`) {
		t.Errorf("the state whose run was killed is not told that another one has the cluster now:\n%s", text)
	}
	two.must(destroy...)
	d.nothingLeft(owner)
}

// TestAccTwoStatesAfterAnother kills a creation and lets another state take it
// over: a new plan says so, and one of before that is not led astray.
func TestAccTwoStatesAfterAnother(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	owner, one, two := rivals(t, d, 1)
	two.must("plan", "-input=false", "-out=before")
	one.killed(d, "workers boot", d.guestIn(guest.PhaseBooting, "prod-general"), apply)
	if text := words(two.must(plan...)); !strings.Contains(text, "Resuming an incomplete creation") {
		t.Errorf("the plan does not say that it resumes an incomplete creation:\n%s", text)
	}
	two.must("apply", "-input=false", "before")
	d.healthy(two, 1)
	two.nothingToDo()
	two.must(destroy...)
	d.nothingLeft(owner)
}
