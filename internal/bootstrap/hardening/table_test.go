package hardening_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap/hardening"
)

var update = flag.Bool("update", false, "write the table into the guide anew")

// The checks of the benchmark's chapters on the control plane, etcd and nodes, as of its
// version 1.12. Those of chapter 5 are about what runs in a cluster.
const (
	automated = `1.1.1 1.1.2 1.1.3 1.1.4 1.1.5 1.1.6 1.1.7 1.1.8 1.1.11 1.1.12 1.1.13 1.1.14 1.1.15 1.1.16 1.1.17 1.1.18 1.1.19
		1.2.2 1.2.4 1.2.5 1.2.6 1.2.7 1.2.8 1.2.10 1.2.12 1.2.13 1.2.14 1.2.15 1.2.16 1.2.17 1.2.18 1.2.19 1.2.21 1.2.22 1.2.23 1.2.24
		1.2.25 1.2.26 1.2.30 1.3.2 1.3.3 1.3.4 1.3.5 1.3.6 1.3.7 1.4.1 1.4.2 2.1 2.2 2.3 2.4 2.5 2.6
		4.1.1 4.1.2 4.1.5 4.1.6 4.1.9 4.1.10 4.2.1 4.2.2 4.2.3 4.2.6 4.2.10 4.3.1`
	byPerson = `1.1.9 1.1.10 1.1.20 1.1.21 1.2.1 1.2.3 1.2.9 1.2.11 1.2.20 1.2.27 1.2.28 1.2.29 1.3.1 2.7 3.1.1 3.1.2 3.1.3 3.2.1 3.2.2
		4.1.3 4.1.4 4.1.7 4.1.8 4.2.4 4.2.5 4.2.7 4.2.8 4.2.9 4.2.11 4.2.12 4.2.13 4.2.14`
)

func TestTableHasEveryCheck(t *testing.T) {
	t.Parallel()
	found := map[bool][]string{}
	for _, row := range hardening.Table() {
		found[row.Automated] = append(found[row.Automated], row.ID)
		if row.Holds == "" || row.By == "" {
			t.Errorf("%s does not say what holds, and by whom", row.ID)
		}
		if row.Automated && !row.Checkable() {
			t.Errorf("%s is asserted by nothing", row.ID)
		}
		if strings.Contains(row.Holds+row.Exception, "|") {
			t.Errorf("%s breaks a table in Markdown", row.ID)
		}
	}
	for isAutomated, want := range map[bool]string{true: automated, false: byPerson} {
		if got := found[isAutomated]; !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("automated %t: the table has\n%q, and not\n%q", isAutomated, got, strings.Fields(want))
		}
	}
}

// Of what the benchmark decides without a person, no more is left out than this.
func TestExceptions(t *testing.T) {
	t.Parallel()
	var got []string
	for _, row := range hardening.Table() {
		if row.Exception != "" && row.Automated {
			got = append(got, row.ID)
		}
	}
	if want := []string{"1.1.12", "1.2.5"}; !slices.Equal(got, want) {
		t.Errorf("the automated checks %q do not hold, and %q are known", got, want)
	}
}

// The guide shows the table.
func TestGuide(t *testing.T) {
	t.Parallel()
	const name = "../../../templates/guides/hardening.md.tmpl"
	page := read(t, name)
	at := strings.Index(page, "## What holds\n")
	if at < 0 {
		t.Fatalf("%s has no place for the table", name)
	}
	if *update {
		if err := os.WriteFile(name, []byte(page[:at]+hardening.Guide()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page[at:] != hardening.Guide() {
		t.Errorf("%s does not show the table: go test ./internal/bootstrap/hardening -run TestGuide -update, and make generate", name)
	}
	if !strings.Contains(page, "Benchmark "+hardening.Benchmark) {
		t.Errorf("%s does not say that it is of version %s", name, hardening.Benchmark)
	}
}
