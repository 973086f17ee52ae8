package processes_test

import (
	"fmt"
	"strings"
	"testing"
)

// workspaces are how many states share one IP pool.
const workspaces = 8

// TestAccWorkspacesShareAPool lets eight states create a cluster each, at the
// same time and from one IP pool, and then destroy them at the same time: no two
// ever hold the same address, and at the end all are free.
func TestAccWorkspacesShareAPool(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	owner := newWorkspace(t, d.shared()+"output \"result\" { value = gantry_ip_pool.nodes.id }\n")
	owner.must(apply...)
	var pool string
	owner.outputs(&pool)
	account := `{ id = "` + pool + `", name = "team", vcenter_server = "` + d.Server() + `", username = "` + d.Username() + `" }`

	var states []*workspace
	for i := range workspaces {
		hcl := d.Provider() + d.cluster(1, `"`+pool+`"`, account)
		name := fmt.Sprintf("team%d", i)
		hcl = strings.Replace(hcl, `name          = "prod"`, fmt.Sprintf("name          = %q", name), 1)
		hcl = strings.Replace(hcl, `folder        = "k8s/prod"`, fmt.Sprintf("folder        = %q", "k8s/"+name), 1)
		states = append(states, newWorkspace(t, hcl))
	}
	together := func(args ...string) {
		t.Helper()
		var runs []*process
		for _, w := range states {
			runs = append(runs, w.start(args...))
		}
		for i, p := range runs {
			if code := p.end(); code != 0 {
				t.Errorf("state %d: %s ends with %d:\n%s", i, p, code, &p.out)
			}
		}
	}
	together(apply...)
	holder := map[string]string{}
	for i, w := range states {
		var got struct {
			State, Endpoint string
			Nodes           map[string]string
		}
		w.outputs(&got)
		if got.State != "Running" || len(got.Nodes) != 2 {
			t.Errorf("state %d: the cluster is %q with the nodes %v", i, got.State, got.Nodes)
		}
		got.Nodes["VIP of "+got.Endpoint] = strings.TrimSuffix(got.Endpoint, ":6443")
		for name, addr := range got.Nodes {
			if other, twice := holder[addr]; twice {
				t.Errorf("%s and %s have %s", other, name, addr)
			}
			holder[addr] = name
		}
	}
	if len(holder) != 3*workspaces {
		t.Errorf("%d addresses for %d nodes and VIPs", len(holder), 3*workspaces)
	}
	together(destroy...)
	for _, tag := range d.Leftovers().Tags {
		if _, addr, ok := strings.Cut(tag, "/10."); ok && !strings.HasSuffix(addr, "!cooldown") {
			t.Errorf("10.%s is still claimed", addr)
		}
	}
	d.nothingLeft(owner)
}
