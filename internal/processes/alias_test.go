package processes_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestAccPoolOfAnAlias has one configuration of the provider make IP pools and another
// build on them, each in a process of its own: what a plan cannot tell, the apply checks
// before it touches anything, also where it creates before it destroys.
func TestAccPoolOfAnAlias(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	alias := strings.Replace(d.Provider(), "{\n", "{\n  alias = \"pools\"\n", 1)
	pool := func(name string, end int) string {
		return fmt.Sprintf(`
resource "gantry_ip_pool" %[1]q {
  provider        = gantry.pools
  name            = %[1]q
  range           = { start = "10.10.18%[2]d.1", end = "10.10.18%[2]d.%[2]d" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
  nameservers     = ["10.10.128.1"]
}
`, name, end)
	}
	base := d.Provider() + alias + d.account() + pool("enough", 3)
	on := func(pool, name string) string {
		text := d.cluster(0, "gantry_ip_pool."+pool+".id", "gantry_cloud_account.team")
		return strings.Replace(text, `  name          = "prod"`, "  name = \""+name+"\"\n  lifecycle {\n    create_before_destroy = true\n  }", 1)
	}
	w := newWorkspace(t, base+on("enough", "prod"))
	if said := words(w.must(plan...)); !strings.Contains(said, "Warning: IP pool not found") || !strings.Contains(said, "such as an alias") {
		t.Errorf("the plan says\n%s", said)
	}
	w.must(apply...)
	w.nothingToDo()

	w.configure(base + pool("few", 2) + on("few", "other"))
	d.ResetCalls()
	said := w.refused(apply...)
	for _, want := range []string{`Unable to create cluster "other"`, "The IP pool is too small", "2 addresses"} {
		if !strings.Contains(said, want) {
			t.Errorf("the apply does not say %q:\n%s", want, said)
		}
	}
	if n := d.Calls().SOAP["CloneVM_Task"] + d.Calls().SOAP["Destroy_Task"]; n > 0 {
		t.Errorf("%d VMs were cloned or destroyed", n)
	}
	// The cluster is the current object still, and none is deposed.
	w.configure(base + pool("few", 2) + on("enough", "prod"))
	w.nothingToDo()
	d.nothingLeft(w)
}
