package processes_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestAccPlansOnPaper reads plans as people do: what is going to happen stands
// in them, and never an address.
func TestAccPlansOnPaper(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.shared())
	w.must(apply...)
	w.configure(d.whole(2))
	creation := w.must(plan...)
	shows(t, "the plan of a creation", creation,
		"create_record", "create_folder", "reserve_endpoint", "create_node", "prod-cp-1", "prod-general-2")
	w.must(apply...)

	destruction := words(w.must("plan", "-destroy", "-input=false"))
	for _, line := range []string{
		`Warning: Destroying cluster "prod"`, "delete_node prod-general-1", "delete_node prod-cp-1",
		"release_endpoint prod", "delete_folder k8s/prod", "delete_record prod",
	} {
		if !strings.Contains(destruction, line) {
			t.Errorf("the plan of a destruction does not show %q:\n%s", line, destruction)
		}
	}
	if strings.Contains(destruction, "is in use") {
		t.Errorf("what is destroyed with the cluster is said to be in use:\n%s", destruction)
	}

	if err := d.DeleteVM("prod-general-1"); err != nil {
		t.Fatal(err)
	}
	repair := w.must(plan...)
	shows(t, "the plan of a repair", repair, "remove_lost_node", "prod-general-1", "create_node", "prod-general-3")
	w.must(apply...)
	if !d.guestIn(guest.PhaseJoined, "prod-general-3")() {
		t.Errorf("the node that the plan has shown has not joined: %v", d.Guests())
	}
	w.nothingToDo()

	// What another state's cluster uses is said in the plan, and refused in the apply.
	other := newWorkspace(t, d.shared())
	other.must("import", "gantry_ip_pool.nodes", "nodes")
	other.must("import", "gantry_cloud_account.team", "team")
	destruction = words(other.must("plan", "-destroy", "-input=false"))
	for _, line := range []string{
		`Warning: IP pool "nodes" is in use`, "(prod-cp-1 of cluster",
		`Warning: Cloud account "team" is in use`, `them to another account: cluster "prod".`,
	} {
		if !strings.Contains(destruction, line) {
			t.Errorf("the plan of a destruction of what is in use does not show %q:\n%s", line, destruction)
		}
	}
}

// shows expects words in the planned_changes of a plan, and no address there.
func shows(t *testing.T, what, output string, wanted ...string) {
	t.Helper()
	_, rest, found := strings.Cut(output, "planned_changes")
	list, _, closed := strings.Cut(rest, "\n      ]")
	if !closed {
		list, _, closed = strings.Cut(rest, "]")
	}
	if !found || !closed {
		t.Fatalf("%s has no planned_changes:\n%s", what, output)
	}
	for _, word := range wanted {
		if !strings.Contains(list, `"`+word+`"`) && !strings.Contains(list, word) {
			t.Errorf("planned_changes in %s do not name %q:\n%s", what, word, list)
		}
	}
	if at := address.FindString(list); at != "" {
		t.Errorf("planned_changes in %s show the address %s:\n%s", what, at, list)
	}
}

var address = regexp.MustCompile(`\b10\.10\.\d+\.\d+`)

// TestAccRefusedLogins gives the CLI what no vCenter lets in: the error says what
// to do, and nothing is tried again.
func TestAccRefusedLogins(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	for name, c := range map[string]struct {
		environment string // instead of what the provider block says
		leaveOut    string
		wanted      []string
		logins      int
	}{
		"wrong password": {
			leaveOut: "password", environment: "VSPHERE_PASSWORD=wr0ng",
			wanted: []string{"refuses the user name or the password", d.Username(), "Check the user name and password"}, logins: 1,
		},
		"untrusted certificate": {
			leaveOut: "ca_certificate",
			wanted:   []string{"is not trusted", "Set ca_certificate"},
		},
	} {
		d.ResetCalls()
		without := regexp.MustCompile(`(?m)^  `+c.leaveOut+` .*$`).ReplaceAllString(d.Provider(), "")
		w := newWorkspace(t, without+`data "gantry_datacenters" "all" {}`)
		w.env = []string{c.environment}
		text := w.refused(plan...)
		for _, word := range c.wanted {
			if !strings.Contains(text, word) {
				t.Errorf("%s: the error does not say %q:\n%s", name, word, text)
			}
		}
		if strings.Contains(text, "wr0ng") {
			t.Errorf("%s: the password is in the output:\n%s", name, text)
		}
		if n := d.Calls().SOAP["Login"]; n != c.logins {
			t.Errorf("%s: %d logins, and not %d", name, n, c.logins)
		}
	}
}
