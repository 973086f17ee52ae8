package privileges_test

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/simulator/esx"

	"github.com/gantry/terraform-provider-gantry/internal/privileges"
)

var update = flag.Bool("update", false, "write the table into the guide anew")

// known are the ids of privileges that vCenter has.
func known(t *testing.T) map[string]bool {
	t.Helper()
	ids := map[string]bool{}
	for _, role := range esx.RoleList {
		if role.Name == "Admin" {
			for _, id := range role.Privilege {
				ids[id] = true
			}
		}
	}
	if len(ids) < 100 {
		t.Fatalf("govmomi has %d privileges", len(ids))
	}
	return ids
}

func TestTable(t *testing.T) {
	t.Parallel()
	ids := known(t)
	seen := map[string]bool{}
	for _, row := range privileges.Table() {
		if !ids[row.ID] {
			t.Errorf("vCenter has no privilege %s", row.ID)
		}
		key := string(row.Role) + row.Client() + strings.Join(row.Versions, "")
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if row.Group == "" || row.Name == "" || strings.Contains(row.Client(), "|") {
			t.Errorf("%s is shown as %q", row.ID, row.Client())
		}
		for _, use := range row.Uses {
			if use.For == "" || use.On == "" || use.By == "" {
				t.Errorf("%s is used for %+v", row.ID, use)
			}
		}
		if row.Role != privileges.Ledger && len(row.Objects()) == 0 {
			t.Errorf("%s shows on no object", row.ID)
		}
	}
}

// TestTableIsWhole counts the privileges by version: one more or less is a change of the
// roles that administrators have granted.
func TestTableIsWhole(t *testing.T) {
	t.Parallel()
	for _, version := range privileges.Versions() {
		count := map[privileges.Role]int{}
		for _, row := range privileges.Table() {
			if row.In(version) && !row.Optional {
				count[row.Role]++
			}
		}
		if count[privileges.RootLevel] != 9 || count[privileges.ClusterLevel] != 103 || count[privileges.Ledger] != 3 {
			t.Errorf("%s has %v", version, count)
		}
	}
}

func TestNeeded(t *testing.T) {
	t.Parallel()
	root := privileges.Needed(privileges.RootLevel, privileges.Root, privileges.Everything())
	if want := []string{"Cns.Searchable", "Host.Config.Storage", "StorageProfile.View"}; !slices.Equal(root, want) {
		t.Errorf("on the root object: %q", root)
	}
	without := privileges.Everything()
	without.CSI = false
	if root := privileges.Needed(privileges.RootLevel, privileges.Root, without); len(root) > 0 {
		t.Errorf("without a CSI driver: %q", root)
	}
	if got := privileges.Describe("Network.Assign"); got != "Network > Assign network (Network.Assign)" {
		t.Errorf("described as %q", got)
	}
	if got := privileges.Describe("Alarm.Create"); got != "Alarm.Create" {
		t.Errorf("described as %q", got)
	}
	ids := privileges.Granted(privileges.ClusterLevel, "8.0")
	if slices.Contains(ids, "System.Read") || slices.Contains(ids, "Datastore.Config") {
		t.Errorf("the role has %q", ids)
	}
}

// The guide shows the table.
func TestGuide(t *testing.T) {
	t.Parallel()
	const name = "../../templates/guides/privileges.md.tmpl"
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	at := strings.Index(page, "## The roles of a cloud account\n")
	if at < 0 {
		t.Fatalf("%s has no place for the table", name)
	}
	if *update {
		if err := os.WriteFile(name, []byte(page[:at]+privileges.Guide()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page[at:] != privileges.Guide() {
		t.Errorf("%s does not show the table: go test ./internal/privileges -run TestGuide -update, and make generate", name)
	}
}

// The commands create roles of what the tables have, once each.
func TestGuideCreatesTheRoles(t *testing.T) {
	t.Parallel()
	guide := privileges.Guide()
	for role, want := range map[string]privileges.Role{"gantry-root": privileges.RootLevel, "gantry-cluster": privileges.ClusterLevel} {
		command := regexp.MustCompile(`govc role.create ` + role + `((?: \\\n  \S+)+)\n`).FindStringSubmatch(guide)
		if command == nil {
			t.Fatalf("no command creates %s", role)
		}
		got := strings.Fields(strings.ReplaceAll(command[1], `\`, ""))
		if !slices.Equal(got, privileges.Granted(want, "")) {
			t.Errorf("%s is created with %q", role, got)
		}
	}
}
