package processes_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// What people do to a pool's tags while a cluster lives on its addresses.

// edited replaces the description of the tag whose name ends in suffix.
func (d *datacenter) edited(suffix, description string) {
	d.t.Helper()
	if err := d.Tags().Update(d.t.Context(), d.TagNamed(suffix).ID, description); err != nil {
		d.t.Fatal(err)
	}
}

// deleted deletes the tag whose name ends in suffix.
func (d *datacenter) deleted(suffix string) {
	d.t.Helper()
	if err := d.Tags().Delete(d.t.Context(), d.TagNamed(suffix).ID); err != nil {
		d.t.Fatal(err)
	}
}

// claims are the names of the tags of addresses in use.
func (d *datacenter) claims() []string {
	var names []string
	for _, tag := range d.Leftovers().Tags {
		if strings.Contains(tag, "/10.") && !strings.HasSuffix(tag, "!cooldown") {
			names = append(names, tag)
		}
	}
	slices.Sort(names)
	return names
}

// TestAccPoolDamagedUnderCluster edits the record of a pool that a cluster of the
// same configuration uses, and deletes it: one apply writes it again, and the
// cluster is left as it is.
func TestAccPoolDamagedUnderCluster(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(1))
	w.must(apply...)
	held := d.claims()
	const record = "ip-pool:-/nodes"
	for what, do := range map[string]func(){
		"edited":  func() { d.edited(record, "do not touch") },
		"deleted": func() { d.deleted(record) },
	} {
		do()
		clones := d.Calls().SOAP["CloneVM_Task"]
		said := words(w.must(apply...))
		if what == "edited" && strings.Count(said, `Record of IP pool "nodes" damaged`) == 0 {
			t.Errorf("%s: no warning:\n%s", what, said)
		}
		if strings.Contains(said, "gantry_vmware_cluster.prod: Modif") || strings.Contains(said, "gantry_vmware_cluster.prod: Creat") {
			t.Errorf("%s: the cluster is touched:\n%s", what, said)
		}
		w.nothingToDo()
		if now := d.claims(); !slices.Equal(now, held) || d.Calls().SOAP["CloneVM_Task"] != clones {
			t.Errorf("%s: %v are held, and %v were", what, now, held)
		}
		d.healthy(w, 1)
	}

	// A node that is to come needs the pool: it is repaired before.
	d.edited(record, "do not touch")
	w.configure(d.whole(2))
	w.must(apply...)
	w.nothingToDo()
	d.healthy(w, 2)

	// The pool is not applied, and the cluster is to grow.
	var pool string
	for _, tag := range d.claims() {
		pool, _, _ = strings.Cut(tag, "/")
	}
	d.edited(record, "do not touch")
	alone := d.Provider() + d.cluster(3, `"`+pool+`"`, "gantry_cloud_account.team") + `
removed {
  from = gantry_ip_pool.nodes
  lifecycle { destroy = false }
}
` + d.account()
	w.configure(alone)
	const edited = `tag "ip-pool:-/nodes" of category gantry was edited: its description is not JSON`
	if said := w.refused(plan...); !strings.Contains(said, edited) {
		t.Errorf("the refusal does not tell what is wrong:\n%s", said)
	}
	// What needs no address goes on, and so does the way down.
	w.configure(strings.Replace(alone, "node_count = 3", "node_count = 2", 1))
	w.must(apply...)
	w.nothingToDo()
	w.must(destroy...)
	if left := d.claims(); len(left) > 0 {
		t.Errorf("%v are still claimed", left)
	}
}

// TestAccAnotherPoolIsDamaged has the record of another workspace's pool edited:
// who makes a pool is told once that the two cannot be compared.
func TestAccAnotherPoolIsDamaged(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	raw, err := json.Marshal(record.IPPool{
		Name:           "lab",
		Start:          "10.10.184.1",
		End:            "10.10.184.9",
		PrefixLength:   18,
		DefaultGateway: "10.10.128.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := d.Ledger().Register(t.Context(), ledger.Record{Ref: record.Ref{Kind: record.KindIPPool, Name: "lab"}, Body: raw})
	if err != nil {
		t.Fatal(err)
	}
	d.edited("ip-pool:-/lab", "do not touch")
	w := newWorkspace(t, d.shared())
	for _, run := range [][]string{plan, apply} {
		said := words(w.must(run...))
		for _, part := range []string{
			"Warning: IP pools not compared", `the tag "ip-pool:-/lab" of category gantry was edited: its description is not JSON`,
			"Apply the configuration of each, which writes its record again, or restore its tag.",
		} {
			if strings.Count(said, part) != 1 {
				t.Errorf("%v does not say %q once:\n%s", run, part, said)
			}
		}
	}
	w.nothingToDo()
	if err := d.Ledger().Unregister(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	d.nothingLeft(w)
}

// TestAccClusterRecordIsDamaged edits the record of a cluster: the refresh says how a
// destruction goes round it, the plan of one is not refused, and once the tag is deleted
// nothing is left.
func TestAccClusterRecordIsDamaged(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	w := newWorkspace(t, d.whole(0))
	w.must(apply...)
	d.edited("cluster:-/prod", "do not touch")
	said := w.refused(destroy...)
	for _, part := range []string{"terraform destroy -refresh=false", "is written again by an apply once the tag is deleted"} {
		if !strings.Contains(said, part) {
			t.Errorf("the refusal does not say %q:\n%s", part, said)
		}
	}
	said = words(w.must("plan", "-destroy", "-refresh=false", "-input=false"))
	if !strings.Contains(said, "The apply tries to destroy it all the same") {
		t.Errorf("the plan does not warn:\n%s", said)
	}
	d.deleted("cluster:-/prod")
	w.must(destroy...)
	// That Gantry made the folder, the cluster's note at it says, too.
	left := d.Leftovers()
	if len(left.VMs) > 0 || len(left.Folders) > 0 || !slices.Equal(left.Tags, []string{"!gantry"}) {
		t.Errorf("left behind: %+v", left)
	}
}
