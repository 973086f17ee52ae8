package processes_test

import (
	"strings"
	"testing"
	"time"
)

// TestAccPoolsRace has two states make pools of the same addresses at the same
// time, of which neither sees the other in its plan: at most one of them is there
// after it, and who has failed has left nothing.
func TestAccPoolsRace(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	d.SetLatency(20 * time.Millisecond)
	states := map[string]*workspace{}
	for _, name := range []string{"nodes", "twin"} {
		hcl := strings.Replace(d.shared(), `name            = "nodes"`, `name            = "`+name+`"`, 1)
		hcl = strings.Replace(hcl, `name           = "team"`, `name           = "team-`+name+`"`, 1)
		states[name] = newWorkspace(t, hcl)
	}
	for range 3 {
		runs := map[string]*process{}
		for name, w := range states {
			runs[name] = w.start(apply...)
		}
		made := map[string]bool{}
		for name, p := range runs {
			made[name] = p.end() == 0
			if said := words(p.out.String()); !made[name] && !strings.Contains(said, "IP pools overlap") {
				t.Errorf("%s ends with\n%s", name, said)
			}
		}
		if made["nodes"] && made["twin"] {
			t.Error("both pools were made")
		}
		pools, err := d.Ledger().IPPools(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pools {
			if !made[p.Ref.Name] {
				t.Errorf("the run that makes %s has failed, and it is registered", p.Ref.Name)
			}
		}
		// With a refresh Terraform would plan the refused creation again first.
		for _, w := range states {
			w.must(append(destroy, "-refresh=false")...)
		}
	}
	for _, w := range states {
		d.nothingLeft(w)
	}
}
