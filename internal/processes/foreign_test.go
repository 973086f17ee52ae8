package processes_test

import (
	"slices"
	"strings"
	"testing"
)

// TestAccForeignAddresses has VMs that are none of Gantry's report addresses
// of the pool: they are never handed out, no budget counts on them, and the
// user is warned once.
func TestAccForeignAddresses(t *testing.T) {
	t.Parallel()
	d := newDatacenter(t)
	// Six addresses: four that a cluster of one worker takes, and the foreign
	// VMs' two. They lie so that at least one of them is in its way wherever it begins.
	shared := strings.Replace(d.shared(), `end = "10.10.183.50"`, `end = "10.10.183.6"`, 1)
	whole := func(workers int) string {
		// Rolled contract-first, it needs none to spare.
		before, workerPools, _ := strings.Cut(d.cluster(workers, "gantry_ip_pool.nodes.id", "gantry_cloud_account.team"), "worker_pools")
		return shared + before + "worker_pools" + strings.Replace(workerPools,
			"placements = [", `rolling_update = { strategy = "contract_first" }, placements = [`, 1)
	}
	foreign := map[string]string{"printer": "10.10.183.1", "backup": "10.10.183.4"}
	for name, address := range foreign {
		d.AddForeignVM(name, address)
	}
	w := newWorkspace(t, whole(1))
	said := words(w.must(apply...))

	const warning = `Warning: Addresses of IP pool "nodes" are used by other VMs`
	if n := strings.Count(said, warning); n != 1 {
		t.Errorf("%d warnings, and not 1:\n%s", n, said)
	}
	told := 0
	for name, address := range foreign {
		line := address + " (VM /dc-1/vm/k8s/" + name + ")"
		told += strings.Count(said, line)
		if strings.Count(said, line) > 1 {
			t.Errorf("%s is reported more than once:\n%s", line, said)
		}
	}
	_, about, _ := strings.Cut(said, warning)
	about, _, _ = strings.Cut(about, "Warning: ")
	if told == 0 || strings.Contains(about, "more similar") {
		t.Errorf("the warning does not tell all that was passed over:\n%s", said)
	}
	var got struct {
		Endpoint string
		Nodes    map[string]string
	}
	w.outputs(&got)
	for node, address := range got.Nodes {
		if address == foreign["printer"] || address == foreign["backup"] {
			t.Errorf("%s has %s, which a foreign VM reports", node, address)
		}
	}
	for _, tag := range d.Leftovers().Tags {
		if _, address, ok := strings.Cut(tag, "/"); ok && slices.Contains([]string{foreign["printer"], foreign["backup"]}, address) {
			t.Errorf("%s is claimed, and a foreign VM reports it", address)
		}
	}

	w.nothingToDo()
	if again := words(w.must(apply...)); strings.Contains(again, "used by other VMs") {
		t.Errorf("an apply that hands out nothing warns:\n%s", again)
	}
	w.configure(whole(2))
	refusal := w.refused(plan...)
	for _, part := range []string{
		"6 in use and 0 free; 1 are needed",
		"VMs report addresses of it without a claim: 10.10.183.1 (VM /dc-1/vm/k8s/printer), 10.10.183.4 (VM /dc-1/vm/k8s/backup).",
	} {
		if !strings.Contains(refusal, part) {
			t.Errorf("the refusal does not say %q:\n%s", part, refusal)
		}
	}
	// The foreign VM goes, and its address is the pool's again.
	if err := d.DeleteVM("printer"); err != nil {
		t.Fatal(err)
	}
	w.must(apply...)
	w.outputs(&got)
	if got.Nodes["prod-general-2"] != foreign["printer"] {
		t.Errorf("the second worker has %s", got.Nodes["prod-general-2"])
	}
	if err := d.DeleteVM("backup"); err != nil {
		t.Fatal(err)
	}
	d.nothingLeft(w)
}
