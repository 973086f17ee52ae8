package privilegetable_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/privileges"
	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

const (
	address = "data.gantry_privileges.team"
	user    = "team-a@vsphere.local"
)

// row checks what the table says of one privilege.
func row(t *testing.T, version string, role privileges.Role, id string, want map[string]knownvalue.Check) statecheck.StateCheck {
	t.Helper()
	at := 0
	for _, r := range privileges.Table() {
		switch {
		case !r.In(version):
		case r.Role == role && r.ID == id:
			return statecheck.ExpectKnownValue(address, tfjsonpath.New("privileges").AtSliceIndex(at), knownvalue.ObjectPartial(want))
		default:
			at++
		}
	}
	t.Fatalf("%s has no %s", version, id)
	return nil
}

func list(words ...string) knownvalue.Check {
	checks := make([]knownvalue.Check, len(words))
	for i, word := range words {
		checks[i] = knownvalue.StringExact(word)
	}
	return knownvalue.ListExact(checks)
}

func TestAccPrivileges(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, simulator.Options{Users: map[string]string{user: "first-Secret1!"}})
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	env.DenyPrivilege(user, "Cns.Searchable")
	env.DenyPrivilege(user, "VirtualMachine.Hbr.MonitorReplication") // which nothing uses
	must(env.DenyPrivilegeOn(user, "Network.Assign", "/dc-1/network/dvpg-nodes"))
	of := func(attributes, datastore string) string {
		return env.Config(fmt.Sprintf(`
data "gantry_privileges" "team" {
  %s
  on = {
    datacenter      = "dc-1"
    compute_cluster = "cluster-a"
    datastore       = %q
    network         = "dvpg-nodes"
    resource_pool   = "gantry"
    folder          = "k8s/not/there"
    template        = "gantry-node-1.37.2"
  }
}
`, attributes, datastore))
	}
	missing := func(ids ...string) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(address, tfjsonpath.New("missing"), list(ids...))
	}
	yes, no, text := knownvalue.Bool(true), knownvalue.Bool(false), knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		Steps: []resource.TestStep{
			{
				Config: of(fmt.Sprintf("username = %q", user), "shared-1"),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(address, tfjsonpath.New("version"), text("8.0")),
					missing("Cns.Searchable", "Network.Assign"),
					row(t, "8.0", privileges.RootLevel, "Cns.Searchable", map[string]knownvalue.Check{
						"granted": no, "missing_on": list("root object /"), "used_by": list("CSI"), "propagates": no, "name": text("Searchable"),
					}),
					row(t, "8.0", privileges.ClusterLevel, "Network.Assign", map[string]knownvalue.Check{
						"granted": no, "missing_on": list("network dvpg-nodes"), "used_by": list("Gantry"), "propagates": yes,
					}),
					row(t, "8.0", privileges.ClusterLevel, "Datastore.AllocateSpace", map[string]knownvalue.Check{"granted": yes, "missing_on": list()}),
					row(t, "8.0", privileges.ClusterLevel, "VirtualMachine.Hbr.MonitorReplication", map[string]knownvalue.Check{
						"granted": no, "missing_on": list("folder k8s/not/there"), "used_by": list(),
					}),
					row(t, "8.0", privileges.Ledger, "InventoryService.Tagging.CreateTag", map[string]knownvalue.Check{"granted": knownvalue.Null()}),
					row(t, "8.0", privileges.ClusterLevel, "StorageProfile.View", map[string]knownvalue.Check{"name": text("View VM storage policies")}),
				},
			},
			{
				// The provider's own user has all of them.
				Config: of(`version = "7.0"`, "shared-1"),
				ConfigStateChecks: []statecheck.StateCheck{
					missing(),
					row(t, "7.0", privileges.ClusterLevel, "StorageProfile.View", map[string]knownvalue.Check{
						"name": text("Profile-driven storage view"),
					}),
				},
			},
			{
				Config: env.Config(fmt.Sprintf("data \"gantry_privileges\" \"team\" {\n  username = %q\n}\n", user)),
				ConfigStateChecks: []statecheck.StateCheck{
					missing("Cns.Searchable"),
					row(t, "8.0", privileges.ClusterLevel, "Network.Assign", map[string]knownvalue.Check{"granted": knownvalue.Null()}),
				},
			},
			{Config: of("", "none"), ExpectError: acctest.Words(`on.datastore`)},
			{
				Config:            env.Config("data \"gantry_privileges\" \"team\" {\n  username = \"team-a\"\n}\n"),
				ConfigStateChecks: []statecheck.StateCheck{missing()},
			},
		},
	})
}
